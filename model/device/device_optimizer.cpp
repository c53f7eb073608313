#include "model/device/device_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "model/device/split_weights.hpp"
#include "model/engine/optimizer.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

DeviceOptimizer::DeviceOptimizer(std::shared_ptr<DeviceModel> model, const Policy& initial,
                                 AdamWOptions options, Zero zero, DeviceGroup group,
                                 gpu::DeviceStream& stream)
    : model_(std::move(model)),
      layout_(WeightLayout::of(initial.config())),
      options_(options),
      zero_(zero),
      group_(std::move(group)),
      shards_(Shards::of(layout_, group_.ranks())),
      own_(shards_.of_rank(group_.rank())),
      sizes_(OptimizerMemory::of(layout_, shards_, group_.rank(), zero_)),
      stream_(stream),
      gradient_(model_->device(), sizes_.gradient, "gradients"),
      m_(model_->device(), sizes_.first_moment, "the optimizer's first moments"),
      v_(model_->device(), sizes_.second_moment, "the optimizer's second moments"),
      low_(model_->device(), sizes_.low, "the low halves of the optimizer's weights") {
  check(options_);
  make_tiles();
  if (shares_weights())
    shard_ = {model_->device(), sizes_.weights, "a shard of the weights"};
  else
    reduction_.emplace(model_->device(), group_, shards_);
  stream_.zero(gradient_.data(), gradient_.bytes());
  stream_.zero(m_.data(), m_.bytes());
  stream_.zero(v_.data(), v_.bytes());
  set_weights(initial);
}

void DeviceOptimizer::set_weights(const Policy& policy) {
  high_.reset();  // First, so that both need not fit.
  if (!shares_weights()) high_ = model_->weights_of(policy);
  const auto own = policy.weights().arena.span().subspan(own_.begin, own_.size());
  upload_split(model_->device(), stream_, own, shares_weights() ? shard_.data() : nullptr,
               low_.data());
}

void DeviceOptimizer::make_tiles() {
  std::vector<gpu::on_device::ParameterTile> own;
  squares_of_ranks_.resize(shards_.ranks());
  uint32_t rank = 0;
  for (uint32_t t = 0; t < layout_.tensors.size(); ++t) {
    const TensorSpec& spec = layout_.tensors[t];
    const uint64_t size = (spec.size() + gpu::kLanes - 1) / gpu::kLanes * gpu::kLanes;
    for (uint64_t at = 0; at < size; at += gpu::on_device::kTileSize) {
      const uint64_t begin = spec.offset + at;
      while (begin >= shards_.of_rank(rank).end) ++rank;
      auto& squares = squares_of_ranks_[rank];
      if (squares.size() == 0) squares.begin = squares.end = tile_tensors_.size() * sizeof(double);
      squares.end += sizeof(double);
      tile_tensors_.push_back(t);
      if (rank != group_.rank()) continue;
      const uint64_t count = std::min<uint64_t>(gpu::on_device::kTileSize, size - at);
      own.push_back({begin, static_cast<uint32_t>(count), spec.decays ? 1u : 0u});
    }
  }
  THESPIS_ASSERT(own.size() == sizes_.tiles);
  tiles_ = {model_->device(), own.size(), "the optimizer"};
  squares_ = {model_->device(), own.size(), "the optimizer"};
  stream_.upload(tiles_.data(), own.data(), tiles_.bytes());
  stream_.synchronize();
}

double DeviceOptimizer::reduce() {
  const std::string step = "step " + std::to_string(step_count_ + 1);
  if (reduction_)
    reduction_->sum(stream_, gradient(), {0, layout_.size}, "the gradients of " + step);
  stream_.squares(
      {gradient(), tiles_.data(), static_cast<uint32_t>(tiles_.size()), squares_.data()});
  // All tiles' squares, added in their order: the sum does not depend on who computed which.
  std::vector<double> squares(tile_tensors_.size());
  stream_.download(squares.data() + squares_of_ranks_[group_.rank()].begin / sizeof(double),
                   squares_.data(), squares_.bytes());
  group_.wait(stream_, "the gradients of " + step);
  group_.host->all_gather(std::as_writable_bytes(std::span(squares)), squares_of_ranks_,
                          "the gradients' norm of " + step);
  double total = 0;
  for (size_t i = 0; i < squares.size(); ++i) {
    if (!std::isfinite(squares[i])) throw not_finite(layout_.tensors[tile_tensors_[i]]);
    total += squares[i];
  }
  return std::sqrt(total);
}

std::shared_ptr<const DeviceWeights> DeviceOptimizer::update(double gradient_norm,
                                                             double learning_rate,
                                                             const Policy* former) {
  // Where it and this are all that hold them, nobody computes with them, and nobody will. Before
  // the lock: a policy that is asked for its weights locks itself, then this.
  if (former != nullptr) former->leave_device(*model_);
  const std::lock_guard lock(mutex_);
  const std::string what = "the weights of step " + std::to_string(step_count_ + 1);
  if (shares_weights()) {
    adamw(shared_weights(), whole(shard_), gradient_norm, learning_rate);
    DeviceArray<gpu::Bf16> arena;
    if (group_.rank_samples()) arena = model_->take_arena();
    share(shared_weights(), arena.data(), what);
    if (!group_.rank_samples()) return nullptr;
    return std::make_shared<const DeviceWeights>(model_, std::move(arena));
  }
  THESPIS_ASSERT(high_ != nullptr);
  const gpu::Bf16* from = high_->at(0);
  DeviceArray<gpu::Bf16> arena =
      high_.use_count() == 1 ? DeviceWeights::take(std::move(high_)) : model_->take_arena();
  adamw(from, arena.data(), gradient_norm, learning_rate);
  share(arena.data(), arena.data(), what);
  high_ = std::make_shared<const DeviceWeights>(model_, std::move(arena));
  return high_;
}

void DeviceOptimizer::adamw(const gpu::Bf16* from, gpu::Bf16* to, double gradient_norm,
                            double learning_rate) {
  const AdamWFactors f = factors(options_, step_count_ + 1, gradient_norm, learning_rate);
  stream_.adamw({tiles_.data(), static_cast<uint32_t>(tiles_.size()), gradient(), from, whole(low_),
                 whole(m_), whole(v_), to, f.gradient_scale, f.beta1, f.rest1, f.beta2, f.rest2,
                 f.keep, f.step_size, f.inverse_sqrt_correction2, f.epsilon});
  stream_.synchronize();
  ++step_count_;
}

void DeviceOptimizer::share(const gpu::Bf16* own, gpu::Bf16* all, const std::string& what) {
  if (group_.cards == nullptr) return;
  share_weights(stream_, *group_.cards, group_.samples, shards_, own, all, what);
  group_.wait(stream_, what);
}

void DeviceOptimizer::weights(uint64_t step, std::span<float> arena) {
  const std::lock_guard lock(mutex_);
  if (step != step_count_)
    throw Error("device: the weights of optimizer step " + std::to_string(step) +
                " are gone: step " + std::to_string(step_count_) + " has replaced them");
  const gpu::Bf16* high = shares_weights() ? shard_.data() : high_->at(own_.begin);
  download_joined(model_->device(), *model_->device()->make_stream(), high, low_.data(),
                  arena.subspan(own_.begin, own_.size()));
}

void DeviceOptimizer::download(const DeviceArray<float>& shard, std::span<float> arena) {
  const std::lock_guard lock(mutex_);
  stream_.download(arena.data() + own_.begin, shard.data(), shard.bytes());
  stream_.synchronize();
}

void DeviceOptimizer::restore(const Policy& policy, std::span<const float> first_moment,
                              std::span<const float> second_moment, uint64_t step_count) {
  for (const auto& moment : {first_moment, second_moment}) check_moment(layout_, moment);
  const std::lock_guard lock(mutex_);
  stream_.upload(m_.data(), first_moment.data() + own_.begin, m_.bytes());
  stream_.upload(v_.data(), second_moment.data() + own_.begin, v_.bytes());
  set_weights(policy);
  step_count_ = step_count;
}

Policy::Fetch fetch_weights(const std::vector<std::shared_ptr<DeviceOptimizer>>& ranks,
                            const ModelConfig& config) {
  std::vector<std::weak_ptr<DeviceOptimizer>> optimizers(ranks.begin(), ranks.end());
  return [optimizers = std::move(optimizers), config, step = ranks[0]->step_count()] {
    auto weights = std::make_shared<Weights>(config);
    for (const auto& weak : optimizers) {
      const auto optimizer = weak.lock();
      if (optimizer == nullptr) throw Error("device: the trainer that had these weights is gone");
      optimizer->weights(step, weights->arena.span());
    }
    return weights;
  };
}

}  // namespace thespis::model
