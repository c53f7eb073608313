#include "model/device/device_memory.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "gpu/device_sizes.hpp"
#include "model/device/device_rank.hpp"
#include "model/device/layer_window.hpp"

namespace thespis::model {
namespace {

constexpr uint64_t kBf16 = sizeof(gpu::Bf16);
// The logits of so many bytes at a time; their gradient takes their place.
constexpr uint64_t kLogitsBytes = uint64_t{3} << 29;
constexpr uint32_t kHeadRowsMin = 64, kHeadRowsMax = 4096;
constexpr uint32_t kHeadRowsStep = 128;  // What products compute at once.
constexpr uint32_t kKeysMin = 512;       // Of a graph: a power of two from here on.
constexpr uint32_t kPrefillRows = 8192;  // Of one walk; a longer prefill goes in chunks.
constexpr uint32_t kScoredRows = 16384;  // Of one walk.

}  // namespace

uint64_t total(const std::vector<MemoryPart>& parts) {
  uint64_t bytes = 0;
  for (const MemoryPart& part : parts) bytes += part.bytes;
  return bytes;
}

ExecutorMemory ExecutorMemory::of(const Plan& plan, const MemoryPlan& memory, bool trains,
                                  const BatchLimits& limits) {
  const gpu::AttendShape& shape = plan.attend_shape();
  const auto by_row = [&](uint32_t width) { return uint64_t{limits.rows} * width; };
  ExecutorMemory m;
  m.logits_stride = gpu::round_up(plan.matrices().back().outputs, gpu::kLanes);
  const uint64_t fit = kLogitsBytes / (uint64_t{m.logits_stride} * sizeof(float));
  m.head_capacity = static_cast<uint32_t>(std::clamp<uint64_t>(fit, kHeadRowsMin, kHeadRowsMax));
  if (m.head_capacity > kHeadRowsStep) m.head_capacity -= m.head_capacity % kHeadRowsStep;
  m.whole = by_row(memory.whole_width);
  m.block = by_row(memory.block_width);
  m.logits = uint64_t{std::min(limits.head_rows, m.head_capacity)} * m.logits_stride;
  if (trains) {
    m.lse = by_row(shape.heads) * plan.config().layer_count;
    m.delta = by_row(shape.heads);
    m.columns =
        gpu::on_device::column_scratch(std::max(shape.qkv_size(), plan.config().hidden_size));
  }
  m.scratch = gpu::attend_scratch_bytes(shape, limits.decode_rows, limits.keys_max);
  return m;
}

std::vector<MemoryPart> ExecutorMemory::parts() const {
  return {{"activations", (whole + block) * kBf16 + lse * sizeof(float)},
          {"logits", logits * sizeof(float)},
          {"scratch of attention and sums", scratch + (delta + columns) * sizeof(float)}};
}

OptimizerMemory OptimizerMemory::of(const WeightLayout& layout, const Shards& shards, uint32_t rank,
                                    Zero zero) {
  const Shards::Range own = shards.of_rank(rank);
  const bool shares_weights = zero == Zero::kWeights && shards.ranks() > 1;
  OptimizerMemory m;
  m.low = m.first_moment = m.second_moment = own.size();
  m.gradient = shares_weights ? own.size() : layout.size;
  if (shares_weights)
    m.weights = own.size();
  else
    m.received = DeviceReduction::scratch_bytes(shards);
  for (const TensorSpec& t : layout.tensors) {
    // Shards are cut at tiles.
    const uint64_t part = (own & Shards::Range{t.offset, t.offset + t.size()}).size();
    m.tiles += (part + gpu::on_device::kTileSize - 1) / gpu::on_device::kTileSize;
  }
  return m;
}

std::vector<MemoryPart> OptimizerMemory::parts() const {
  return {{"low halves of float weights", low * sizeof(uint16_t)},
          {"gradients", gradient * sizeof(float)},
          {"first moments", first_moment * sizeof(float)},
          {"second moments", second_moment * sizeof(float)},
          {"own share of the weights", weights * kBf16},
          {"gradients of other cards", received},
          {"tiles", tiles * (sizeof(gpu::on_device::ParameterTile) + sizeof(double))}};
}

LayersMemory LayersMemory::of(const Plan& plan, const Shards& shards) {
  const LayerWindow window(plan);
  return {window.weight_sizes(), window.gradient_sizes(), DeviceReduction::scratch_bytes(shards)};
}

std::vector<MemoryPart> LayersMemory::parts() const {
  const auto sum = [](const std::vector<uint64_t>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  };
  return {{"weights of layers, gathered", sum(weights) * kBf16},
          {"gradients of layers, gathered", sum(gradients) * sizeof(float)},
          {"gradients of other cards", received}};
}

uint32_t ExecutorMemory::head_piece(uint32_t count) const {
  const uint32_t pieces = (count + head_capacity - 1) / head_capacity;
  if (pieces <= 1) return head_capacity;
  return std::min(head_capacity, gpu::round_up((count + pieces - 1) / pieces, kHeadRowsStep));
}

uint32_t graph_rows(uint32_t count) {
  if (count <= 16) return std::bit_ceil(count);
  return gpu::round_up(count, count <= 64 ? 16 : 64);
}

uint32_t graph_keys(uint32_t keys, uint32_t context_max) {
  return std::min(std::bit_ceil(std::max(keys, kKeysMin)), context_max);
}

GeneratorMemory GeneratorMemory::of(const GeneratorLimits& limits) {
  GeneratorMemory m;
  m.decode_rows = graph_rows(limits.slots);
  m.table_stride = pages_for(limits.context_max) + kPagesAhead;
  m.batch = {.rows = std::max(kPrefillRows, m.decode_rows),
             .head_rows = m.decode_rows,
             .decode_rows = m.decode_rows,
             .keys_max = limits.context_max};
  return m;
}

std::vector<MemoryPart> GeneratorMemory::parts(const GeneratorLimits& limits) const {
  constexpr uint64_t kSlotBytes = sizeof(gpu::on_device::Draw) + 3 * sizeof(uint32_t);
  constexpr uint64_t kRowBytes = sizeof(gpu::DeviceRun) + 7 * sizeof(uint32_t);
  const uint64_t slot = kSlotBytes + table_stride * sizeof(uint32_t);
  return {{"slots and page tables", (uint64_t{limits.slots} + 1) * slot + batch.rows * kRowBytes}};
}

uint64_t page_bytes(const Plan& plan) {
  return plan.attend_shape().page_floats() * kBf16 * plan.config().layer_count;
}

uint32_t pages_for_one(const GeneratorLimits& limits) {
  return pages_for(limits.context_max) + 1;
}

uint32_t pages_for_all(const GeneratorLimits& limits) {
  const uint64_t all = uint64_t{limits.slots} * pages_for(limits.context_max) + 1;
  return static_cast<uint32_t>(std::min<uint64_t>(all, UINT32_MAX));
}

BatchLimits trainer_batch(const TrainerLimits& limits) {
  const uint32_t rows = std::max(limits.micro_batch_tokens, limits.sequence_max);
  return {.rows = rows, .head_rows = rows};
}

BatchLimits scorer_batch(uint32_t sequence_max) {
  const uint32_t rows = std::max(kScoredRows, sequence_max);
  return {.rows = rows, .head_rows = rows};
}

}  // namespace thespis::model
