#include "model/engine/batch.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/base/error.hpp"

namespace thespis::model {

uint32_t Batch::keys_max() const {
  uint32_t keys = 0;
  for (const gpu::SequenceRun& run : sequences)
    keys = std::max(keys, run.first_position + run.row_count);
  return keys;
}

void Batch::clear() {
  tokens.clear();
  positions.clear();
  sequences.clear();
  head_rows.clear();
  inverse_temperatures.clear();
  targets.clear();
  uniforms.clear();
  cuts.clear();
}

void Batch::add_run(std::span<const int32_t> run_tokens, uint32_t first_position,
                    const uint32_t* pages) {
  sequences.push_back({rows(), static_cast<uint32_t>(run_tokens.size()), first_position, pages});
  tokens.insert(tokens.end(), run_tokens.begin(), run_tokens.end());
  for (uint32_t i = 0; i < run_tokens.size(); ++i) positions.push_back(first_position + i);
}

void check_sequence(const ScoredSequence& s, uint32_t vocab_size, uint32_t context_max,
                    const std::string& name) {
  if (s.prompt.empty()) throw InputError(name + ": the prompt is empty; it needs a token");
  if (s.prompt.size() + s.completion.size() > context_max)
    throw InputError(name + ": " + std::to_string(s.prompt.size() + s.completion.size()) +
                     " tokens exceed the context of " + std::to_string(context_max));
  if (!(s.temperature >= 0.0f) || std::isinf(s.temperature))
    throw InputError(name + ": temperature " + std::to_string(s.temperature) +
                     " must be finite and not negative");
  for (const auto& part : {s.prompt, s.completion})
    for (const int32_t token : part)
      if (token < 0 || static_cast<uint32_t>(token) >= vocab_size)
        throw InputError(name + ": token " + std::to_string(token) +
                         " is outside the vocabulary of " + std::to_string(vocab_size));
}

float inverse_temperature(float temperature) {
  return temperature == 0.0f ? 1.0f : 1.0f / temperature;
}

void WholeSequences::clear() {
  batch_.clear();
  first_pages_.clear();
  page_count_ = 0;
}

void WholeSequences::add(const ScoredSequence& s) {
  if (s.completion.empty()) return;
  const uint32_t first = batch_.rows(), prompt_rows = static_cast<uint32_t>(s.prompt.size());
  batch_.add_run(s.prompt, 0, nullptr);
  for (uint32_t i = 0; i < s.completion.size(); ++i) {
    if (i + 1 < s.completion.size()) {
      batch_.tokens.push_back(s.completion[i]);
      batch_.positions.push_back(prompt_rows + i);
      ++batch_.sequences.back().row_count;
    }
    batch_.head_rows.push_back(static_cast<int32_t>(first + prompt_rows - 1 + i));
    batch_.targets.push_back(s.completion[i]);
    batch_.inverse_temperatures.push_back(inverse_temperature(s.temperature));
  }
  first_pages_.push_back(page_count_);
  page_count_ += gpu::round_up(s.rows(), gpu::kPageTokens) / gpu::kPageTokens;
}

Batch& WholeSequences::batch() {
  while (identity_.size() < page_count_)
    identity_.push_back(static_cast<uint32_t>(identity_.size()));
  for (size_t i = 0; i < first_pages_.size(); ++i)
    batch_.sequences[i].pages = identity_.data() + first_pages_[i];
  return batch_;
}

}  // namespace thespis::model
