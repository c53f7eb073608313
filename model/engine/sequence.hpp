#pragma once
// What a generator is asked for, what it gives, and a sequence between the two.

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/ops.hpp"
#include "model/engine/model_config.hpp"
#include "model/engine/page_pool.hpp"
#include "model/tokenizer/stop_strings.hpp"

namespace thespis::model {

enum class FinishReason : uint8_t { kStop, kLength, kCancelled };

/// The token at completion position p is drawn by inverse CDF with
/// env::uniform_at(random_seed, Purpose::kSampling, random_stream, random_sample, p).
struct SequenceRequest {
  uint64_t id = 0;  ///< The caller's; unique among the sequences in flight.
  std::vector<int32_t> prompt;
  std::vector<int32_t>
      stop_tokens;  ///< Ends the sequence; the stop token is part of the completion.
  /// Ends the sequence too: the token that completes a text is the completion's last. Or null.
  std::shared_ptr<const StopStrings> stop_strings = nullptr;
  uint32_t max_tokens = 0;   ///< Of the completion; at least 1.
  float temperature = 1.0f;  ///< 0 = greedy.
  gpu::SampleCut cut = {};   ///< Log-probs are those of the whole distribution all the same.
  uint64_t random_seed = 0;
  uint64_t random_stream = 0;
  uint32_t random_sample = 0;
};

struct FinishedSequence {
  uint64_t id = 0;
  std::vector<int32_t> tokens;     ///< The completion.
  std::vector<float> logprobs;     ///< One for each token, at the request's temperature.
  std::vector<float> log_kept;     ///< gpu::SampleArgs, for each token; empty without a cut.
  std::vector<uint64_t> versions;  ///< The policy that drew each token.
  FinishReason finish = FinishReason::kStop;
};

/// A sequence in flight.
struct Sequence {
  SequenceRequest request;
  FinishedSequence result;
  std::vector<uint32_t> pages;
  uint32_t stored = 0;  ///< Tokens whose keys and values are in the pages.
  uint32_t wave = 0;    ///< Of this step: after the waves that fill shared pages.
  bool cancelled = false;
  StopStrings::State stop_state = 0;

  explicit Sequence(SequenceRequest asked);
  uint32_t token_count() const {
    return static_cast<uint32_t>(request.prompt.size() + result.tokens.size());
  }
  /// Rows that are still to be computed before the next token can be drawn.
  uint32_t rows() const { return token_count() - stored; }
  int32_t token(uint32_t position) const {
    return position < request.prompt.size() ? request.prompt[position]
                                            : result.tokens[position - request.prompt.size()];
  }
  /// True if its last token ended it; the result then says why. Called once for each token.
  bool has_ended();
};

struct GeneratorLimits {
  uint32_t slots = 64;
  uint32_t context_max = 512;  ///< Prompt and completion together.
  bool operator==(const GeneratorLimits&) const = default;
};

/// InputError where the limits do not fit the model.
void check(const GeneratorLimits& limits, const ModelConfig& config);
/// InputError if the prompt is empty, prompt + max_tokens exceeds context_max, a token is outside
/// the vocabulary, or a setting is out of its range.
void check_request(const SequenceRequest& request, uint32_t vocab_size, uint32_t context_max);

}  // namespace thespis::model
