#include "model/device/device_generator.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "model/device/device_downloads.hpp"
#include "model/device/device_executor.hpp"
#include "model/device/device_slots.hpp"
#include "model/device/flight.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
struct DeviceGenerator::State {
  using FlightPtr = std::shared_ptr<Flight>;

  /// Tokens of one walk, on their way to the host.
  struct Drawn {
    std::vector<FlightPtr> rows;
    uint64_t version;
    std::shared_ptr<const DeviceWeights> weights;  // Nobody else's until the walk is over.
    DeviceDownloads::Download download;
  };
  /// What a recorded step depends on.
  using GraphKey = std::tuple<const gpu::Bf16*, uint32_t, uint32_t>;  // Weights, rows, keys.

  std::shared_ptr<DeviceModel> model;
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const DeviceWeights> weights;
  GeneratorLimits limits;
  const GeneratorMemory sizes;
  const uint32_t rows_max;  // Of a decode step.
  std::unique_ptr<gpu::DeviceStream> stream;
  DeviceExecutor executor;
  PagePool pool;
  DeviceArray<gpu::Bf16> kv_memory;
  DeviceKv kv;
  DeviceSlots slots;
  DeviceBatchMemory memory;
  std::vector<uint32_t> free_slots;
  std::vector<FlightPtr> active;  // In order of arrival: neighbours share prompts.
  std::vector<Drawn> under_way;
  // Null after the first use, which runs unrecorded.
  std::map<GraphKey, std::unique_ptr<gpu::DeviceGraph>> graphs;
  uint64_t preempted = 0;

  // Of decode steps: addresses that graphs know.
  DeviceArray<uint32_t> row_slots, positions;
  DeviceArray<int32_t> tokens, results, every_row;
  DeviceArray<gpu::DeviceRun> runs;
  std::vector<uint32_t> uploaded_slots;
  // Of prefills.
  DeviceArray<uint32_t> prefill_slots, prefill_positions, prefill_table_rows;
  DeviceArray<int32_t> prefill_tokens, prefill_heads;
  DeviceArray<gpu::DeviceRun> prefill_runs;
  DeviceDownloads downloads;

  State(std::shared_ptr<DeviceModel> on, std::shared_ptr<const Policy> first, GeneratorLimits lims,
        uint32_t page_count);
  /// First of all what is enqueued ends: it reads weights and writes pinned memory.
  ~State() { stream->synchronize(); }

  void begin_sequences(std::vector<std::vector<FlightPtr>>& waves);
  void prefill(const std::vector<FlightPtr>& wave);
  void decode();
  bool grow(Flight& f);
  void preempt(Flight& f);
  void release(Flight& f);
  DeviceBatch decode_batch(uint32_t rows, uint32_t keys) const;
  float* logprobs() const { return reinterpret_cast<float*>(results.data() + rows_max); }
  float* log_kept() const { return logprobs() + rows_max; }
  void launch(uint32_t rows, uint32_t keys);
  void enqueue_results(std::vector<FlightPtr> rows);
  void take(const Drawn& drawn, std::vector<FinishedSequence>& finished);
  void finish(Flight& f, std::vector<FinishedSequence>& finished);
};

DeviceGenerator::State::State(std::shared_ptr<DeviceModel> on, std::shared_ptr<const Policy> first,
                              GeneratorLimits lims, uint32_t page_count)
    : model(std::move(on)),
      policy(std::move(first)),
      weights(model->weights_of(*policy)),
      limits(lims),
      sizes(GeneratorMemory::of(lims)),
      rows_max(sizes.decode_rows),
      stream(model->device()->make_stream()),
      executor(model, DeviceExecutor::Purpose::kForward, *stream, sizes.batch),
      pool(page_count),
      slots(model->device(), *stream, lims.slots, sizes.table_stride),
      memory(model->device()),
      downloads(model->device(), rows_max) {
  const auto& device = model->device();
  const size_t page = model->plan().attend_shape().page_floats();
  kv.layer_stride = page * page_count;
  kv_memory = {device, kv.layer_stride * policy->config().layer_count, "keys and values"};
  kv.pages = {kv_memory.data(), slots.table(), slots.table_stride()};
  pool.acquire();  // Page 0 is where rows that only fill a batch write.
  for (uint32_t slot = lims.slots; slot-- > 0;) free_slots.push_back(slot);
  row_slots = {device, rows_max, "a decode step"};
  positions = {device, rows_max, "a decode step"};
  tokens = {device, rows_max, "a decode step"};
  runs = {device, rows_max, "a decode step"};
  results = {device, 3 * size_t{rows_max}, "a decode step"};
  std::vector<int32_t> rows(rows_max);
  for (uint32_t r = 0; r < rows_max; ++r) rows[r] = static_cast<int32_t>(r);
  memory.put(*stream, every_row, rows);
  stream->synchronize();
}

/// Pages for those that have none, in order of arrival, as long as there are enough.
void DeviceGenerator::State::begin_sequences(std::vector<std::vector<FlightPtr>>& waves) {
  for (const FlightPtr& f : active) {
    Sequence& s = f->sequence;
    if (f->prefilled || f->pending > 0 || f->ended) continue;
    if (pool.free_count() < pages_for(s.token_count())) return;
    std::vector<int32_t> known = s.request.prompt;
    known.insert(known.end(), s.result.tokens.begin(), s.result.tokens.end());
    auto claim = pool.claim(known, s.request.prompt.size(), [&] { return pool.acquire(); });
    s.pages = std::move(claim.pages);
    s.stored = claim.stored;
    s.wave = claim.wave;
    slots.begin(*stream, f->slot, s);
    if (waves.size() <= s.wave) waves.resize(s.wave + 1);
    waves[s.wave].push_back(f);
  }
}

void DeviceGenerator::State::prefill(const std::vector<FlightPtr>& wave) {
  std::vector<int32_t> row_tokens, heads;
  std::vector<uint32_t> row_positions, table_rows, head_slots;
  std::vector<gpu::DeviceRun> row_runs;
  std::vector<FlightPtr> drawing;
  DeviceBatch batch;
  const auto run = [&] {
    batch.rows = static_cast<uint32_t>(row_tokens.size());
    batch.tokens = memory.put(*stream, prefill_tokens, row_tokens);
    batch.positions = memory.put(*stream, prefill_positions, row_positions);
    batch.table_rows = memory.put(*stream, prefill_table_rows, table_rows);
    batch.runs = memory.put(*stream, prefill_runs, row_runs);
    batch.run_count = static_cast<uint32_t>(row_runs.size());
    batch.head_count = static_cast<uint32_t>(heads.size());
    batch.head_rows = memory.put(*stream, prefill_heads, heads);
    batch.logprobs = logprobs();
    batch.draw =
        slots.draw(memory.put(*stream, prefill_slots, head_slots), results.data(), log_kept());
    executor.forward(*weights, batch, kv);
    if (!drawing.empty()) enqueue_results(std::move(drawing));
    drawing.clear();
    row_tokens.clear(), heads.clear(), row_positions.clear(), table_rows.clear();
    head_slots.clear(), row_runs.clear();
    batch = {};
  };
  for (const FlightPtr& f : wave) {
    Sequence& s = f->sequence;
    while (s.rows() > 0) {
      const auto first = static_cast<uint32_t>(row_tokens.size());
      const uint32_t count = std::min(s.rows(), sizes.batch.rows - first);
      row_runs.push_back({first, count, s.stored, f->slot});
      batch.rows_max = std::max(batch.rows_max, count);
      batch.keys_max = std::max(batch.keys_max, s.stored + count);
      for (uint32_t i = 0; i < count; ++i, ++s.stored) {
        row_tokens.push_back(s.token(s.stored));
        row_positions.push_back(s.stored);
        table_rows.push_back(f->slot);
      }
      if (s.rows() == 0) {
        heads.push_back(static_cast<int32_t>(row_tokens.size()) - 1);
        head_slots.push_back(f->slot);
        drawing.push_back(f);
        f->prefilled = f->fresh = true;
      }
      if (row_tokens.size() == sizes.batch.rows || drawing.size() == rows_max) run();
    }
  }
  if (!row_tokens.empty()) run();
}

/// A page for the sequence's next row; false if it had to give its own pages back.
bool DeviceGenerator::State::grow(Flight& f) {
  std::vector<uint32_t>& pages = f.sequence.pages;
  const size_t had = pages.size();
  while (pages.size() < pages_for(f.known())) {
    if (pool.free_count() == 0) {
      const auto youngest =
          std::find_if(active.rbegin(), active.rend(),
                       [](const FlightPtr& other) { return other->prefilled && !other->ended; });
      const bool itself = youngest->get() == &f;
      preempt(**youngest);
      if (itself) return false;
      continue;
    }
    pages.push_back(pool.acquire());
  }
  if (pages.size() == had) return true;
  const bool plenty = pool.free_count() > kPagesAhead * active.size();
  while (plenty && pages.size() < had + kPagesAhead && pages.size() < pages_for(limits.context_max))
    pages.push_back(pool.acquire());
  slots.set_pages(*stream, f.slot, pages, had);
  return true;
}

void DeviceGenerator::State::release(Flight& f) {
  for (const uint32_t page : f.sequence.pages) pool.release(page);
  f.sequence.pages.clear();
}

void DeviceGenerator::State::preempt(Flight& f) {
  release(f);
  f.sequence.stored = 0;
  f.prefilled = false;
  ++preempted;
}

DeviceBatch DeviceGenerator::State::decode_batch(uint32_t rows, uint32_t keys) const {
  DeviceBatch b;
  b.rows = b.run_count = b.head_count = rows;
  b.tokens = tokens.data();
  b.positions = positions.data();
  b.table_rows = row_slots.data();
  b.runs = runs.data();
  b.rows_max = 1;
  b.keys_max = keys;
  b.head_rows = every_row.data();
  b.logprobs = logprobs();
  b.draw = slots.draw(row_slots.data(), results.data(), log_kept());
  return b;
}

void DeviceGenerator::State::launch(uint32_t rows, uint32_t keys) {
  const auto enqueue = [&] {
    stream->next_rows(
        slots.next_rows(row_slots.data(), rows, tokens.data(), positions.data(), runs.data()));
    executor.forward(*weights, decode_batch(rows, keys), kv);
  };
  // Unrecorded the first time: then everything that is loaded or chosen lazily is there.
  const auto [found, is_new] = graphs.try_emplace({weights->at(0), rows, keys});
  if (is_new) return enqueue();
  if (found->second == nullptr) {
    stream->begin_capture();
    enqueue();
    found->second = stream->end_capture();
  }
  stream->launch(*found->second);
}

void DeviceGenerator::State::decode() {
  std::vector<FlightPtr> rows;
  std::vector<uint32_t> row_list;
  uint32_t keys = 0;
  for (const FlightPtr& f : active) {
    if (std::exchange(f->fresh, false) || !f->prefilled || !f->wants_more()) continue;
    if (!grow(*f)) continue;
    keys = std::max(keys, f->known());
    rows.push_back(f);
    row_list.push_back(f->slot);
  }
  if (rows.empty()) return;
  const uint32_t count = graph_rows(static_cast<uint32_t>(rows.size()));
  row_list.resize(count, slots.padding());
  if (row_list != uploaded_slots) {
    stream->upload(row_slots.data(), row_list.data(), count * sizeof(uint32_t));
    uploaded_slots = row_list;
  }
  launch(count, graph_keys(keys, limits.context_max));
  enqueue_results(std::move(rows));
}

/// The tokens and log-probs just drawn, to the host.
void DeviceGenerator::State::enqueue_results(std::vector<FlightPtr> rows) {
  for (const FlightPtr& f : rows) ++f->pending;
  const auto count = static_cast<uint32_t>(rows.size());
  auto download = downloads.begin(*stream, results.data(), count);
  under_way.push_back({std::move(rows), policy->version(), weights, std::move(download)});
}

void DeviceGenerator::State::finish(Flight& f, std::vector<FinishedSequence>& finished) {
  f.ended = true;
  release(f);
  free_slots.push_back(f.slot);
  finished.push_back(std::move(f.sequence.result));
}

void DeviceGenerator::State::take(const Drawn& drawn, std::vector<FinishedSequence>& finished) {
  downloads.end(drawn.download, [&](uint32_t row, int32_t token, float logprob, float log_share) {
    Flight& f = *drawn.rows[row];
    if (f.ended) return;
    FinishedSequence& result = f.sequence.result;
    if (token < 0)
      throw Error("sampling: sequence " + std::to_string(result.id) +
                  ": the logits are not finite (weights version " + std::to_string(drawn.version) +
                  ")");
    --f.pending;
    result.tokens.push_back(token);
    result.logprobs.push_back(logprob);
    if (f.sequence.request.cut.cuts()) result.log_kept.push_back(log_share);
    result.versions.push_back(drawn.version);
    if (f.sequence.has_ended()) finish(f, finished);
  });
}

DeviceGenerator::DeviceGenerator(std::shared_ptr<DeviceModel> model,
                                 std::shared_ptr<const Policy> policy, GeneratorLimits limits,
                                 uint32_t page_count) {
  check(limits, policy->config());
  const uint32_t one = pages_for_one(limits);
  if (page_count == 0) page_count = pages_for_all(limits);
  if (page_count < one)
    throw InputError("generator limits: " + std::to_string(page_count) +
                     " pages do not hold one sequence of " + std::to_string(limits.context_max) +
                     " tokens, which takes " + std::to_string(one));
  state_ = std::make_unique<State>(std::move(model), std::move(policy), limits, page_count);
}

DeviceGenerator::~DeviceGenerator() = default;

void DeviceGenerator::install(std::shared_ptr<const Policy> policy) {
  State& s = *state_;
  if (policy->config() != s.model->plan().config())
    throw InputError("generator: the new policy is of another model");
  if (s.policy != nullptr && policy->version() != s.policy->version()) s.pool.forget_prefixes();
  s.weights = s.model->weights_of(*policy);
  s.policy = std::move(policy);
}

void DeviceGenerator::rest() {
  State& s = *state_;
  THESPIS_ASSERT(s.active.empty());
  std::vector<FinishedSequence> none;  // What is still under way is of sequences that have ended.
  for (const State::Drawn& drawn : std::exchange(s.under_way, {})) s.take(drawn, none);
  s.stream->synchronize();
  s.weights.reset();
  s.policy.reset();
}

uint32_t DeviceGenerator::active_count() const {
  return static_cast<uint32_t>(state_->active.size());
}
uint32_t DeviceGenerator::free_slots() const {
  return state_->limits.slots - active_count();
}
uint64_t DeviceGenerator::preempted_count() const {
  return state_->preempted;
}

std::vector<int32_t> DeviceGenerator::tokens_of(uint64_t id) const {
  for (const auto& f : state_->active)
    if (f->sequence.request.id == id) return f->sequence.result.tokens;
  return {};
}

void DeviceGenerator::add(SequenceRequest request) {
  State& s = *state_;
  THESPIS_ASSERT(free_slots() > 0);
  THESPIS_ASSERT(s.policy != nullptr);
  check_request(request, s.policy->config().vocab_size, s.limits.context_max);
  const uint32_t slot = s.free_slots.back();
  s.free_slots.pop_back();
  s.active.push_back(std::make_shared<Flight>(Flight{Sequence(std::move(request)), slot}));
}

bool DeviceGenerator::cancel(uint64_t id) {
  for (const auto& f : state_->active)
    if (f->sequence.request.id == id) return f->sequence.cancelled = true;
  return false;
}

std::vector<FinishedSequence> DeviceGenerator::step() {
  State& s = *state_;
  std::vector<FinishedSequence> finished;
  const auto remove_ended = [&] {
    std::erase_if(s.active, [](const auto& f) { return f->ended; });
  };
  for (const auto& f : s.active) {
    if (!f->sequence.cancelled) continue;
    f->sequence.result.finish = FinishReason::kCancelled;
    s.finish(*f, finished);
  }
  remove_ended();
  std::vector<State::Drawn> former = std::move(s.under_way);
  s.under_way.clear();
  std::vector<std::vector<State::FlightPtr>> waves;
  s.begin_sequences(waves);
  for (const auto& wave : waves)
    if (!wave.empty()) s.prefill(wave);
  s.pool.end_step();
  s.decode();
  for (const State::Drawn& drawn : former) s.take(drawn, finished);
  remove_ended();
  return finished;
}

}  // namespace thespis::model
