#include "model/device/device_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "model/engine/optimizer.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

DeviceOptimizer::DeviceOptimizer(std::shared_ptr<DeviceModel> model, const Weights& initial,
                                 AdamWOptions options, Zero zero, DeviceGroup group,
                                 gpu::DeviceStream& stream)
    : model_(std::move(model)),
      layout_(initial.layout),
      options_(options),
      zero_(zero),
      group_(std::move(group)),
      shards_(Shards::of(layout_, group_.ranks())),
      own_(shards_.of_rank(group_.rank())),
      stream_(stream),
      gradient_(model_->device(), zero == Zero::kWeights ? own_.size() : model_->arena_size(),
                "gradients"),
      masters_(model_->device(), own_.size(), "the optimizer's weights"),
      m_(model_->device(), own_.size(), "the optimizer's first moments"),
      v_(model_->device(), own_.size(), "the optimizer's second moments"),
      reduction_(model_->device(), group_, shards_) {
  check(options_);
  make_tiles();
  stream_.zero(gradient_.data(), gradient_.bytes());
  stream_.upload(masters_.data(), initial.arena.data() + own_.begin, masters_.bytes());
  stream_.zero(m_.data(), m_.bytes());
  stream_.zero(v_.data(), v_.bytes());
  stream_.synchronize();
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
  tiles_ = {model_->device(), own.size(), "the optimizer"};
  squares_ = {model_->device(), own.size(), "the optimizer"};
  stream_.upload(tiles_.data(), own.data(), tiles_.bytes());
  stream_.synchronize();
}

double DeviceOptimizer::reduce() {
  const std::string step = "step " + std::to_string(step_count_ + 1);
  if (zero_ == Zero::kOptimizer)
    reduction_.sum(stream_, gradient(), {0, layout_.size}, "the gradients of " + step);
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

void DeviceOptimizer::update(double gradient_norm, double learning_rate, gpu::Bf16* weights_out) {
  const std::lock_guard lock(mutex_);
  const AdamWFactors f = factors(options_, step_count_ + 1, gradient_norm, learning_rate);
  stream_.adamw({tiles_.data(), static_cast<uint32_t>(tiles_.size()), gradient(), whole(masters_),
                 whole(m_), whole(v_), weights_out, f.gradient_scale, f.beta1, f.beta2, f.keep,
                 f.step_size, f.inverse_sqrt_correction2, f.epsilon});
  stream_.synchronize();
  ++step_count_;
}

void DeviceOptimizer::write_weights(gpu::Bf16* weights_out) {
  stream_.to_bf16(masters_.data(), own_.size(), weights_out + own_.begin);
  stream_.synchronize();
}

void DeviceOptimizer::masters(uint64_t step, std::span<float> arena) {
  const std::lock_guard lock(mutex_);
  if (step != step_count_)
    throw Error("device: the weights of optimizer step " + std::to_string(step) +
                " are gone: step " + std::to_string(step_count_) + " has replaced them");
  const auto stream = model_->device()->make_stream();
  stream->download(arena.data() + own_.begin, masters_.data(), masters_.bytes());
  stream->synchronize();
}

void DeviceOptimizer::download(const DeviceArray<float>& shard, std::span<float> arena) {
  const std::lock_guard lock(mutex_);
  stream_.download(arena.data() + own_.begin, shard.data(), shard.bytes());
  stream_.synchronize();
}

void DeviceOptimizer::restore(const Weights& masters, std::span<const float> first_moment,
                              std::span<const float> second_moment, uint64_t step_count) {
  for (const auto& moment : {first_moment, second_moment}) check_moment(layout_, moment);
  const std::lock_guard lock(mutex_);
  stream_.upload(masters_.data(), masters.arena.data() + own_.begin, masters_.bytes());
  stream_.upload(m_.data(), first_moment.data() + own_.begin, m_.bytes());
  stream_.upload(v_.data(), second_moment.data() + own_.begin, v_.bytes());
  stream_.synchronize();
  step_count_ = step_count;
}

Policy::Fetch fetch_masters(const std::vector<std::shared_ptr<DeviceOptimizer>>& ranks,
                            const ModelConfig& config) {
  std::vector<std::weak_ptr<DeviceOptimizer>> optimizers(ranks.begin(), ranks.end());
  return [optimizers = std::move(optimizers), config, step = ranks[0]->step_count()] {
    auto weights = std::make_shared<Weights>(config);
    for (const auto& weak : optimizers) {
      const auto optimizer = weak.lock();
      if (optimizer == nullptr) throw Error("device: the trainer that had these weights is gone");
      optimizer->masters(step, weights->arena.span());
    }
    return weights;
  };
}

}  // namespace thespis::model
