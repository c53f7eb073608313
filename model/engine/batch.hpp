#pragma once
// The one shape of a batch: ragged rows of tokens with positions, runs of rows that belong to a
// sequence with its page table, and the rows whose next token is scored or drawn. Training,
// scoring, prefill and decode all use it.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gpu/ops.hpp"

namespace thespis::model {

struct Batch {
  std::vector<int32_t> tokens;
  std::vector<uint32_t> positions;
  std::vector<gpu::SequenceRun> sequences;

  std::vector<int32_t> head_rows;  ///< Rows that predict a token.
  std::vector<float> inverse_temperatures;
  std::vector<int32_t> targets;      ///< Scoring and training: the token at each head row.
  std::vector<float> uniforms;       ///< Decode: the draw of each head row; negative = greedy.
  std::vector<gpu::SampleCut> cuts;  ///< Decode: what each draw leaves out.

  std::vector<float> logprobs;   ///< Out, by head row.
  std::vector<float> entropies;  ///< Out, scoring and training.
  std::vector<int32_t> drawn;    ///< Out, decode; -1 where the logits were not finite.
  std::vector<float> log_kept;   ///< Out, decode: gpu::SampleArgs.

  uint32_t rows() const { return static_cast<uint32_t>(tokens.size()); }
  /// Pages that hold the longest context among the sequences, in tokens.
  uint32_t keys_max() const;
  void clear();

  /// Rows of one sequence from `first_position` on; `pages` must outlive the batch.
  void add_run(std::span<const int32_t> run_tokens, uint32_t first_position, const uint32_t* pages);
};

/// What is scored: prompt and completion, each token of the completion under its prefix.
struct ScoredSequence {
  std::span<const int32_t> prompt;
  std::span<const int32_t> completion;
  float temperature;
  /// Rows that the forward pass computes: the last token predicts nothing.
  uint32_t rows() const {
    return completion.empty() ? 0 : static_cast<uint32_t>(prompt.size() + completion.size() - 1);
  }
};

/// InputError if the prompt is empty, a token is outside the vocabulary, the temperature negative
/// or not finite, or the sequence longer than the context; `name` begins the message.
void check_sequence(const ScoredSequence& sequence, uint32_t vocab_size, uint32_t context_max,
                    const std::string& name);

/// 1 / temperature; greedy (0) counts as 1.
float inverse_temperature(float temperature);

/// Whole sequences with pages of their own, numbered from 0: what training and scoring run.
class WholeSequences {
 public:
  void clear();
  void add(const ScoredSequence& sequence);
  Batch& batch();
  uint32_t page_count() const { return page_count_; }

 private:
  Batch batch_;
  uint32_t page_count_ = 0;
  std::vector<uint32_t> first_pages_;  // By sequence.
  std::vector<uint32_t> identity_;
};

}  // namespace thespis::model
