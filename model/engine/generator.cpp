#include "model/engine/generator.hpp"

#include <algorithm>
#include <string>

#include "model/engine/executor.hpp"
#include "model/engine/kv_store.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"

namespace thespis::model {
namespace {

constexpr uint32_t kBatchRows = 192;     // Of one walk; a longer prefill goes in chunks.
constexpr uint32_t kRowsForAThread = 2;  // Fewer are not worth waking a worker for.

}  // namespace

struct Generator::State {
  std::shared_ptr<const Policy> policy;
  GeneratorLimits limits;
  gpu::ThreadPool& pool;
  KvStore kv;
  std::vector<std::unique_ptr<Sequence>> active;  // In order of arrival: neighbours share prompts.
  std::vector<std::unique_ptr<Executor>> executors;  // By part of a wave.
  std::vector<Batch> batches;

  State(std::shared_ptr<const Policy> first, GeneratorLimits lims, gpu::ThreadPool& threads)
      : policy(std::move(first)),
        limits(lims),
        pool(threads),
        kv(policy->plan().attend_shape(), policy->config().layer_count,
           lims.slots * pages_for(lims.context_max)),
        batches(pool.thread_count()) {
    for (unsigned i = 0; i < pool.thread_count(); ++i)
      executors.push_back(
          std::make_unique<Executor>(policy->shared_plan(), Executor::Purpose::kForward));
  }

  void begin(Sequence& s);
  void run_wave(const std::vector<Sequence*>& sequences);
  void run_part(std::span<Sequence* const> sequences, size_t part);
  void run_batch(std::span<Sequence* const> heads, size_t part);
};

Generator::Generator(std::shared_ptr<const Policy> policy, GeneratorLimits limits,
                     gpu::ThreadPool& pool) {
  check(limits, policy->config());
  state_ = std::make_unique<State>(std::move(policy), limits, pool);
}

Generator::~Generator() = default;

void Generator::install(std::shared_ptr<const Policy> policy) {
  if (policy->config() != state_->policy->config())
    throw InputError("generator: the new policy is of another model");
  if (policy->version() != state_->policy->version()) state_->kv.pages().forget_prefixes();
  state_->policy = std::move(policy);
}

uint32_t Generator::active_count() const {
  return static_cast<uint32_t>(state_->active.size());
}
uint32_t Generator::free_slots() const {
  return state_->limits.slots - active_count();
}

std::vector<int32_t> Generator::tokens_of(uint64_t id) const {
  for (const auto& s : state_->active)
    if (s->request.id == id) return s->result.tokens;
  return {};
}

void Generator::add(SequenceRequest request) {
  THESPIS_ASSERT(has_free_slot());
  check_request(request, state_->policy->config().vocab_size, state_->limits.context_max);
  auto sequence = std::make_unique<Sequence>(std::move(request));
  state_->active.push_back(std::move(sequence));
}

bool Generator::cancel(uint64_t id) {
  for (const auto& s : state_->active)
    if (s->request.id == id) return s->cancelled = true;
  return false;
}

void Generator::State::begin(Sequence& s) {
  const std::span<const int32_t> prompt = s.request.prompt;
  auto claim = kv.pages().claim(prompt, prompt.size(), [&] { return kv.acquire(); });
  s.pages = std::move(claim.pages);
  s.stored = claim.stored;
  s.wave = claim.wave;
}

void Generator::State::run_wave(const std::vector<Sequence*>& sequences) {
  uint32_t rows = 0;
  for (const Sequence* s : sequences) rows += s->rows();
  const size_t parts = std::clamp<size_t>(rows / kRowsForAThread, 1,
                                          std::min<size_t>(pool.thread_count(), sequences.size()));
  std::vector<size_t> first{0};
  uint32_t done = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (first.size() < parts && i > first.back() && done * parts >= rows * first.size())
      first.push_back(i);
    done += sequences[i]->rows();
  }
  first.push_back(sequences.size());
  pool.parallel_for(first.size() - 1, [&](size_t part) {
    run_part({sequences.data() + first[part], first[part + 1] - first[part]}, part);
  });
}

void Generator::State::run_part(std::span<Sequence* const> sequences, size_t part) {
  Batch& batch = batches[part];
  batch.clear();
  size_t first = 0;
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < sequences.size(); ++i) {
    Sequence& s = *sequences[i];
    for (uint32_t left = s.rows(); left > 0;) {
      const uint32_t count = std::min(left, kBatchRows - batch.rows());
      tokens.clear();
      for (uint32_t t = 0; t < count; ++t) tokens.push_back(s.token(s.stored + t));
      batch.add_run(tokens, s.stored, s.pages.data());
      s.stored += count;
      left -= count;
      if (left == 0) {
        const SequenceRequest& r = s.request;
        batch.head_rows.push_back(static_cast<int32_t>(batch.rows()) - 1);
        batch.inverse_temperatures.push_back(inverse_temperature(r.temperature));
        batch.cuts.push_back(r.cut);
        batch.uniforms.push_back(
            r.temperature == 0.0f
                ? -1.0f
                : env::uniform_at(r.random_seed, env::Purpose::kSampling, r.random_stream,
                                  r.random_sample, static_cast<uint32_t>(s.result.tokens.size())));
      }
      if (batch.rows() == kBatchRows) {
        const size_t heads = batch.head_rows.size();
        run_batch(sequences.subspan(first, heads), part);
        first += heads;
      }
    }
  }
  if (batch.rows() > 0) run_batch(sequences.subspan(first), part);
}

void Generator::State::run_batch(std::span<Sequence* const> heads, size_t part) {
  Batch& batch = batches[part];
  executors[part]->forward(*policy, batch, kv.view());
  for (size_t i = 0; i < heads.size(); ++i) {
    FinishedSequence& result = heads[i]->result;
    if (batch.drawn[i] < 0)
      throw Error("sampling: sequence " + std::to_string(result.id) +
                  ": the logits are not finite (weights version " +
                  std::to_string(policy->version()) + ")");
    result.tokens.push_back(batch.drawn[i]);
    result.logprobs.push_back(batch.logprobs[i]);
    if (heads[i]->request.cut.cuts()) result.log_kept.push_back(batch.log_kept[i]);
    result.versions.push_back(policy->version());
  }
  batch.clear();
}

std::vector<FinishedSequence> Generator::step() {
  State& state = *state_;
  std::vector<std::vector<Sequence*>> waves;
  for (const auto& s : state.active) {
    if (s->cancelled) continue;
    s->wave = 0;
    if (s->pages.empty()) state.begin(*s);
    while (s->pages.size() < pages_for(s->token_count())) s->pages.push_back(state.kv.acquire());
    if (waves.size() <= s->wave) waves.resize(s->wave + 1);
    waves[s->wave].push_back(s.get());
  }
  for (const auto& wave : waves)
    if (!wave.empty()) state.run_wave(wave);

  std::vector<FinishedSequence> finished;
  state.kv.pages().end_step();
  for (auto& s : state.active) {
    if (s->cancelled)
      s->result.finish = FinishReason::kCancelled;
    else if (!s->has_ended())
      continue;
    for (const uint32_t page : s->pages) state.kv.pages().release(page);
    finished.push_back(std::move(s->result));
    s.reset();
  }
  std::erase(state.active, nullptr);
  return finished;
}

}  // namespace thespis::model
