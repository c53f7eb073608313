#include "model/tokenizer/stop_strings.hpp"

#include <deque>

#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

constexpr StopStrings::State kNone = StopStrings::kFound - 1;  // No such edge of the trie.

void check(std::span<const std::string> texts) {
  if (texts.empty()) throw InputError("stop: a list of at least one text");
  size_t bytes = 0;
  for (const std::string& text : texts) {
    if (text.empty()) throw InputError("stop: an empty text ends everything; leave it out");
    bytes += text.size();
  }
  if (bytes > StopStrings::kBytesMax)
    throw InputError("stop: " + std::to_string(bytes) + " bytes of texts; at most " +
                     std::to_string(StopStrings::kBytesMax));
}

}  // namespace

StopStrings::StopStrings(std::span<const std::string> texts, Tokenizer tokenizer)
    : tokenizer_(std::move(tokenizer)) {
  check(texts);
  const auto add_state = [this] {
    next_.emplace_back().fill(kNone);
    return static_cast<State>(next_.size() - 1);
  };
  add_state();
  for (const std::string& text : texts) {
    State at = 0;
    for (size_t i = 0; i < text.size() && at != kFound; ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      const bool last = i + 1 == text.size();
      if (last)
        next_[at][byte] = kFound;  // Whatever goes on from here is found earlier.
      else if (next_[at][byte] == kNone) {
        const State added = add_state();
        next_[at][byte] = added;
      }
      at = next_[at][byte];
    }
  }
  // By depth: a state that has no edge goes where its longest proper suffix in the trie goes.
  std::vector<State> suffix(next_.size(), 0);
  std::deque<State> waiting{0};
  while (!waiting.empty()) {
    const State at = waiting.front();
    waiting.pop_front();
    for (size_t byte = 0; byte < 256; ++byte) {
      State& to = next_[at][byte];
      const State of_suffix = at == 0 ? State{0} : next_[suffix[at]][byte];
      if (to == kNone || of_suffix == kFound) {
        to = of_suffix;
      } else if (to != kFound) {
        suffix[to] = of_suffix;
        waiting.push_back(to);
      }
    }
  }
}

StopStrings::State StopStrings::next(State state, int32_t token) const {
  for (const char byte : tokenizer_.token_bytes(token)) {
    if (state == kFound) break;
    state = next_[state][static_cast<uint8_t>(byte)];
  }
  return state;
}

}  // namespace thespis::model
