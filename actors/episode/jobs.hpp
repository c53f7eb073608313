#pragma once
// The jobs that training and evaluation give to samplers and rewards, made in one place: both must
// ask for the same thing, or held-out accuracy would be that of another policy.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "actors/base/job_key.hpp"
#include "actors/base/messages.hpp"
#include "gpu/ops.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/env/clock.hpp"

namespace thespis {

/// What all episodes of a run have in common.
struct EpisodeContext {
  caf::actor samplers, rewards, references;  ///< Pools; no references: the run has no KL term.
  std::shared_ptr<const model::Tokenizer> tokenizer;
  const env::Clock* clock = nullptr;
  uint32_t group_size = 0;
  uint32_t max_tokens = 0;
  float temperature = 1;
  gpu::SampleCut cut = {};
  uint64_t seed = 0;
  std::vector<int32_t> stop_tokens;
  std::string kind;                             ///< Which verifier judges.
  std::chrono::milliseconds deadline{600'000};  ///< From admission to commit.
};

/// One completion of `prompt`, not begun under weights older than `min_version`. The key is also
/// that of its random numbers.
wire::Message<wire::Generate> generate_job(const EpisodeContext& context, const JobKey& key,
                                           const std::vector<int32_t>& prompt, float temperature,
                                           uint64_t min_version);

/// The verdict on a completion, given as text without special tokens.
wire::Message<wire::Judge> judge_job(const EpisodeContext& context, const std::string& task,
                                     const wire::Rollout::Reader& rollout, const std::string& text);

}  // namespace thespis
