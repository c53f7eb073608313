#include "sim/engine/sim_decoder.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/base/error.hpp"
#include "sim/engine/sim_engine.hpp"

namespace thespis::sim {
namespace {

constexpr uint64_t kDrawnFrom = 96;  // Tokens of the tiny vocabulary; none of them is special.

uint64_t stir(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

SimDecoder::SimDecoder(World& world, uint32_t node, std::shared_ptr<const model::Policy> policy,
                       model::GeneratorLimits limits)
    : world_(world), node_(node), limits_(limits) {
  install(std::move(policy));
}

void SimDecoder::install(std::shared_ptr<const model::Policy> policy) {
  const uint64_t checksum = policy->weights().checksum();
  world_.checker().serves(world_.node(node_).name, policy->version(), checksum);
  // Those that no sequence in flight began under are done with.
  uint64_t oldest = step_;
  for (const auto& [id, sequence] : active_) oldest = std::min(oldest, sequence.begins);
  while (installed_.size() > 1 && installed_[1].from <= oldest)
    installed_.erase(installed_.begin());
  installed_.push_back({step_, policy->version(), checksum});
}

uint32_t SimDecoder::length_of(const model::SequenceRequest& request, bool& stops) const {
  const Workload& work = world_.scenario().workload;
  auto random = world_.random(Stream::kLengths,
                              stir(request.random_stream * 4096 + request.random_sample) >> 16);
  const double tokens = work.response_median / work.tokens_per_symbol *
                        std::exp(work.response_sigma * random.normal());
  // Long enough to tell any two completions of a run apart.
  constexpr double kShortest = 8;
  const double drawn = std::max(tokens, kShortest);
  stops = drawn < request.max_tokens;
  return static_cast<uint32_t>(std::min(drawn, static_cast<double>(request.max_tokens)));
}

void SimDecoder::add(model::SequenceRequest request) {
  if (request.prompt.size() + request.max_tokens > limits_.context_max)
    throw InputError("a sequence longer than the sampler's context");
  Sequence sequence;
  sequence.begins = step_;
  sequence.length = length_of(request, sequence.stops);
  prefill_tokens_ += request.prompt.size();
  due_.emplace(step_ + sequence.length, request.id);
  const uint64_t id = request.id;
  sequence.request = std::move(request);
  active_.emplace(id, std::move(sequence));
}

bool SimDecoder::cancel(uint64_t id) {
  const auto it = active_.find(id);
  if (it == active_.end() || it->second.cancelled) return false;
  it->second.cancelled = true;
  cancelled_.push_back(id);
  return true;
}

std::vector<model::FinishedSequence> SimDecoder::step() {
  world_.want_memory(node_, "keys and values");
  const GpuKind& gpu = *world_.node(node_).gpu;
  const double real_tokens = world_.scenario().workload.tokens_per_symbol;
  const auto batch = static_cast<double>(active_.size());
  world_.charge(real_tokens * (gpu.decode_step_ms / 1e3 + batch * gpu.decode_sequence_us / 1e6) +
                static_cast<double>(prefill_tokens_) * gpu.prefill_token_us / 1e6);
  prefill_tokens_ = 0;
  ++step_;
  std::vector<model::FinishedSequence> finished;
  for (const uint64_t id : std::exchange(cancelled_, {})) {
    const auto it = active_.find(id);
    if (it == active_.end()) continue;
    auto ended = finish(it->second, written(it->second));
    ended.finish = model::FinishReason::kCancelled;
    finished.push_back(std::move(ended));
    active_.erase(it);
  }
  while (!due_.empty() && due_.begin()->first <= step_) {
    const auto it = active_.find(due_.begin()->second);
    due_.erase(due_.begin());
    if (it == active_.end()) continue;
    finished.push_back(finish(it->second, it->second.length));
    world_.checker().sampled(it->second.request.random_stream, finished.back().tokens,
                             finished.back().versions);
    active_.erase(it);
  }
  return finished;
}

std::vector<int32_t> SimDecoder::tokens_of(uint64_t id) const {
  const auto it = active_.find(id);
  if (it == active_.end()) return {};
  return finish(it->second, written(it->second)).tokens;
}

model::FinishedSequence SimDecoder::finish(const Sequence& sequence, uint64_t tokens) const {
  const auto& request = sequence.request;
  model::FinishedSequence f;
  f.id = request.id;
  f.finish = sequence.stops ? model::FinishReason::kStop : model::FinishReason::kLength;
  f.tokens.reserve(tokens);
  f.logprobs.reserve(tokens);
  f.versions.reserve(tokens);
  const uint64_t key =
      stir(request.random_seed ^ stir(request.random_stream * 4096 + request.random_sample));
  auto run = installed_.begin();
  for (uint64_t t = 0; t < tokens; ++t) {
    while (std::next(run) != installed_.end() && std::next(run)->from <= sequence.begins + t) ++run;
    // The group and the sample go through the first tokens, so that no two completions are alike;
    // under other weights other tokens are drawn.
    constexpr uint64_t kNamed = 8, kNameBits = 5, kVersions = 3;
    const uint64_t name = request.random_stream * 4096 + request.random_sample;
    const uint64_t drawn = t < kNamed
                               ? (name >> (t * kNameBits) & 31) + 32 * (run->version % kVersions)
                               : stir(key + t * 2654435761u + run->version) % kDrawnFrom;
    f.tokens.push_back(static_cast<int32_t>(drawn));
    f.logprobs.push_back(simulated_logprob(f.tokens.back(), t, run->checksum));
    f.versions.push_back(run->version);
  }
  if (sequence.stops && tokens == sequence.length && !request.stop_tokens.empty()) {
    f.tokens.push_back(request.stop_tokens.front());
    f.logprobs.push_back(simulated_logprob(f.tokens.back(), tokens, run->checksum));
    f.versions.push_back(run->version);
  }
  return f;
}

}  // namespace thespis::sim
