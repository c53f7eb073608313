#include "model/device/device_model.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "model/device/split_weights.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"

namespace thespis::model {
namespace {

// Rows at which a product is compared with itself: a decode step's, a prefill's, a training's.
constexpr uint32_t kCheckedRows[] = {1, 8, 64, 256, 1024};
constexpr uint32_t kRowsMax = 4096;

}  // namespace

DeviceWeights::~DeviceWeights() {
  if (arena_.data() != nullptr) model_->give_back(std::move(arena_));
}

DeviceArray<gpu::Bf16> DeviceWeights::take(std::shared_ptr<const DeviceWeights> last) {
  THESPIS_ASSERT(last.use_count() == 1);
  return std::move(last->arena_);
}

std::shared_ptr<DeviceModel> DeviceModel::make(std::shared_ptr<gpu::Device> device,
                                               std::shared_ptr<const Plan> plan) {
  std::shared_ptr<DeviceModel> model(new DeviceModel(std::move(device), std::move(plan)));
  if (model->device()->keeps_row_contract()) model->check_row_contract();
  return model;
}

DeviceModel::DeviceModel(std::shared_ptr<gpu::Device> device, std::shared_ptr<const Plan> plan)
    : device_(std::move(device)),
      plan_(std::move(plan)),
      arena_size_(WeightLayout::of(plan_->config()).size),
      rope_table_(device_, uint64_t{plan_->config().context_max} * plan_->config().head_dim,
                  "the table of rotations") {
  const auto stream = device_->make_stream();
  stream->upload(rope_table_.data(), plan_->rope_table(), rope_table_.bytes());
  stream->synchronize();
}

std::shared_ptr<const DeviceWeights> DeviceModel::weights_of(const Policy& policy) {
  return policy.on_device(*this, [this](const Policy& p) { return upload(p); });
}

std::shared_ptr<const DeviceWeights> DeviceModel::upload(const Policy& policy) {
  const Weights& weights = policy.weights();
  DeviceArray<gpu::Bf16> arena = take_arena();
  upload_split(device_, *device_->make_stream(), weights.arena.span(), arena.data(), nullptr);
  return std::make_shared<const DeviceWeights>(shared_from_this(), std::move(arena));
}

DeviceArray<gpu::Bf16> DeviceModel::take_arena() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      DeviceArray<gpu::Bf16> arena = std::move(idle_.back());
      idle_.pop_back();
      return arena;
    }
  }
  return {device_, arena_size_, "weights"};
}

void DeviceModel::give_back(DeviceArray<gpu::Bf16> arena) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(arena));
}

void DeviceModel::check_row_contract() {
  std::set<std::pair<uint32_t, uint32_t>> shapes;  // outputs, inputs
  uint32_t inputs_max = 0, outputs_max = 0;
  size_t weights_max = 0;
  for (const MatrixSpec& m : plan_->matrices()) {
    if (&m == &plan_->matrices().back()) break;  // The head is written in floats: below.
    shapes.insert({m.outputs, m.inputs});
    inputs_max = std::max(inputs_max, m.inputs);
    outputs_max = std::max(outputs_max, m.outputs);
    weights_max = std::max(weights_max, size_t{m.outputs} * m.inputs);
  }
  const auto stream = device_->make_stream();
  env::KeyedRandom random(1, env::Purpose::kData, 0);
  const auto fill = [&](size_t size) {
    // A short random sequence again and again, of a length that meets no row's.
    constexpr size_t kPeriod = 65521;
    std::vector<float> values(size + size % 8);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = i < kPeriod ? static_cast<float>(random.normal()) : values[i - kPeriod];
    DeviceArray<float> floats(device_, values.size(), "a check of products");
    DeviceArray<gpu::Bf16> out(device_, values.size(), "a check of products");
    stream->upload(floats.data(), values.data(), floats.bytes());
    stream->to_bf16(floats.data(), values.size(), out.data());
    stream->synchronize();
    return out;
  };
  const DeviceArray<gpu::Bf16> x = fill(size_t{kRowsMax} * inputs_max), w = fill(weights_max);
  DeviceArray<gpu::Bf16> y(device_, size_t{kRowsMax} * outputs_max, "a check of products");
  const auto product = [&](uint32_t rows, std::pair<uint32_t, uint32_t> shape) {
    const auto [outputs, inputs] = shape;
    stream->linear(
        {x.data(), rows, w.data(), outputs, inputs, nullptr, y.data(), nullptr, outputs});
    std::vector<gpu::Bf16> result(size_t{std::min(rows, kCheckedRows[4])} * outputs);
    stream->download(result.data(), y.data(), result.size() * sizeof(gpu::Bf16));
    stream->synchronize();
    return result;
  };
  for (const auto& shape : shapes) {
    const auto whole = product(kRowsMax, shape);
    for (const uint32_t rows : kCheckedRows) {
      const auto part = product(rows, shape);
      if (std::memcmp(part.data(), whole.data(), part.size() * sizeof(gpu::Bf16)) != 0)
        throw Error("device: a product of " + std::to_string(shape.second) + " inputs and " +
                    std::to_string(shape.first) + " outputs gives other bits for " +
                    std::to_string(rows) + " rows than for " + std::to_string(kRowsMax) +
                    ": this version of cuBLAS does not keep the row contract");
    }
  }
}

}  // namespace thespis::model
