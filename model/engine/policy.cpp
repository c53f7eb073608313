#include "model/engine/policy.hpp"

#include "model/engine/packed_weights.hpp"
#include "model/engine/plan.hpp"
#include "model/engine/rope.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

void require(bool holds, const std::string& field, uint64_t value, const std::string& wanted) {
  if (!holds)
    throw InputError("model config: " + field + " = " + std::to_string(value) + ": must be " +
                     wanted);
}

std::shared_ptr<const Plan> make_plan(const ModelConfig& c) {
  require_runnable(c, "model config");
  const std::string lanes = "a positive multiple of " + std::to_string(gpu::kLanes);
  const auto is_multiple = [](uint32_t n) { return n > 0 && n % gpu::kLanes == 0; };
  require(is_multiple(c.hidden_size), "hidden_size", c.hidden_size, lanes);
  require(is_multiple(c.ffn_size), "intermediate_size", c.ffn_size, lanes);
  require(is_multiple(c.head_dim), "head_dim", c.head_dim, lanes);
  require(c.layer_count > 0, "num_hidden_layers", c.layer_count, "at least 1");
  require(c.kv_head_count > 0, "num_key_value_heads", c.kv_head_count, "at least 1");
  require(c.head_count > 0 && c.head_count % c.kv_head_count == 0, "num_attention_heads",
          c.head_count, "a multiple of num_key_value_heads");
  require(c.vocab_size > 0 && c.vocab_size <= INT32_MAX, "vocab_size", c.vocab_size,
          "between 1 and 2^31 - 1");
  require(c.context_max > 0 && c.context_max <= kRopeTableMax / c.head_dim,
          "max_position_embeddings", c.context_max,
          "between 1 and " + std::to_string(kRopeTableMax / c.head_dim));
  return std::make_shared<const Plan>(c);
}

}  // namespace

Policy::Policy(std::shared_ptr<const Weights> weights, uint64_t version)
    : version_(version),
      plan_(make_plan(weights->config)),
      weights_(std::move(weights)),
      host_(weights_.get()) {}

Policy::Policy(const Policy& previous, std::shared_ptr<const Weights> weights, uint64_t version)
    : version_(version),
      plan_(previous.plan_),
      weights_(std::move(weights)),
      host_(weights_.get()) {
  THESPIS_ASSERT(weights_->config == previous.config());
}

Policy::Policy(const Policy& previous, OnDevices weights, Fetch fetch, uint64_t version)
    : version_(version),
      plan_(previous.plan_),
      fetch_(std::move(fetch)),
      on_devices_(std::move(weights)) {}

Policy::~Policy() = default;

const ModelConfig& Policy::config() const {
  return plan_->config();
}

std::shared_ptr<const Weights> Policy::shared_weights() const {
  const std::lock_guard lock(mutex_);
  if (weights_ == nullptr) weights_ = fetch_();
  host_.store(weights_.get(), std::memory_order_release);
  return weights_;
}

const PackedWeights& Policy::packed() const {
  if (const PackedWeights* panels = panels_.load(std::memory_order_acquire)) return *panels;
  const auto weights = shared_weights();
  const std::lock_guard lock(mutex_);
  if (packed_ == nullptr) packed_ = std::make_unique<const PackedWeights>(*plan_, *weights);
  panels_.store(packed_.get(), std::memory_order_release);
  return *packed_;
}

std::shared_ptr<const DeviceWeights> Policy::on_device(const DeviceModel& device,
                                                       const Upload& upload) const {
  {
    const std::lock_guard lock(mutex_);
    const auto it = on_devices_.find(&device);
    if (it != on_devices_.end()) return it->second;
  }
  auto uploaded = upload(*this);
  const std::lock_guard lock(mutex_);
  return on_devices_.emplace(&device, std::move(uploaded)).first->second;
}

void Policy::leave_device(const DeviceModel& device) const {
  const std::lock_guard lock(mutex_);
  on_devices_.erase(&device);
}

}  // namespace thespis::model
