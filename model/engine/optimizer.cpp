#include "model/engine/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "gpu/ops.hpp"

namespace thespis::model {
namespace {

constexpr uint64_t kPieceFloats = 16384;

void require(bool holds, const char* field, double value, const char* wanted) {
  if (!holds)
    throw InputError(std::string("AdamW: ") + field + " = " + std::to_string(value) + ": must be " +
                     wanted);
}

}  // namespace

void check(const AdamWOptions& o) {
  require(o.beta1 >= 0 && o.beta1 < 1, "beta1", o.beta1, "in [0, 1)");
  require(o.beta2 >= 0 && o.beta2 < 1, "beta2", o.beta2, "in [0, 1)");
  require(o.epsilon > 0, "epsilon", o.epsilon, "positive");
  require(o.weight_decay >= 0, "weight_decay", o.weight_decay, "at least 0");
  require(o.clip_grad_norm >= 0, "clip_grad_norm", o.clip_grad_norm, "at least 0");
}

Error not_finite(const TensorSpec& tensor) {
  return Error("training: the gradient of " + tensor.name +
               " is not finite; the step was not taken");
}

void check_moment(const WeightLayout& layout, std::span<const float> moment) {
  if (moment.size() != layout.size)
    throw InputError("optimizer state: " + std::to_string(moment.size()) +
                     " elements where the model has " + std::to_string(layout.size));
}

AdamWFactors factors(const AdamWOptions& o, uint64_t step, double gradient_norm,
                     double learning_rate) {
  require(std::isfinite(learning_rate) && learning_rate >= 0, "learning rate", learning_rate,
          "finite and at least 0");
  const double t = static_cast<double>(step);
  // As torch.nn.utils.clip_grad_norm_: the norm plus 1e-6 divides.
  const double scale =
      o.clip_grad_norm > 0 ? std::min(1.0, o.clip_grad_norm / (gradient_norm + 1e-6)) : 1.0;
  const double correction1 = 1.0 - std::pow(o.beta1, t), correction2 = 1.0 - std::pow(o.beta2, t);
  return {.gradient_scale = static_cast<float>(scale),
          .beta1 = static_cast<float>(o.beta1),
          .rest1 = static_cast<float>(1.0 - o.beta1),
          .beta2 = static_cast<float>(o.beta2),
          .rest2 = static_cast<float>(1.0 - o.beta2),
          .keep = static_cast<float>(1.0 - learning_rate * o.weight_decay),
          .step_size = static_cast<float>(learning_rate / correction1),
          .inverse_sqrt_correction2 = static_cast<float>(1.0 / std::sqrt(correction2)),
          .epsilon = static_cast<float>(o.epsilon)};
}

Optimizer::Optimizer(const WeightLayout& layout, AdamWOptions options, const Shards& shards,
                     uint32_t rank)
    : layout_(layout),
      options_(options),
      own_(shards.of_rank(rank)),
      m_(own_.size()),
      v_(own_.size()) {
  check(options_);
  for (uint32_t t = 0; t < layout_.tensors.size(); ++t) {
    const uint64_t size = (layout_.tensors[t].size() + gpu::kLanes - 1) / gpu::kLanes * gpu::kLanes;
    for (uint64_t at = 0; at < size; at += kPieceFloats)
      pieces_.push_back({t, layout_.tensors[t].offset + at, std::min(kPieceFloats, size - at)});
  }
  const auto piece_at = [this](uint64_t offset) {
    const auto found = std::lower_bound(pieces_.begin(), pieces_.end(), offset,
                                        [](const Piece& p, uint64_t o) { return p.offset < o; });
    return static_cast<size_t>(found - pieces_.begin());
  };
  for (uint32_t r = 0; r < shards.ranks(); ++r)
    squares_bytes_.push_back({piece_at(shards.of_rank(r).begin) * sizeof(double),
                              piece_at(shards.of_rank(r).end) * sizeof(double)});
  first_ = piece_at(own_.begin);
  last_ = piece_at(own_.end);
}

std::vector<double> Optimizer::reduce(std::span<float* const> lanes, gpu::ThreadPool& pool) const {
  std::vector<double> squares(pieces_.size());
  pool.parallel_for(last_ - first_, [&](size_t i) {
    const Piece& p = pieces_[first_ + i];
    squares[first_ + i] =
        gpu::cpu_ops().sum_lanes(lanes.data(), lanes.size(), p.offset - own_.begin, p.size);
  });
  return squares;
}

double Optimizer::norm(std::span<const double> squares) const {
  double total = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (!std::isfinite(squares[i])) throw not_finite(layout_.tensors[pieces_[i].tensor]);
    total += squares[i];
  }
  return std::sqrt(total);
}

void Optimizer::update(const float* gradient, double grad_norm, double learning_rate,
                       const float* weights_in, float* weights_out, gpu::ThreadPool& pool) {
  const AdamWFactors f = factors(options_, step_count_ + 1, grad_norm, learning_rate);
  pool.parallel_for(last_ - first_, [&](size_t i) {
    const Piece& p = pieces_[first_ + i];
    const uint64_t at = p.offset - own_.begin;
    gpu::cpu_ops().adamw({.gradient = gradient + at,
                          .weight_in = weights_in + at,
                          .weight_out = weights_out + at,
                          .m = m_.data() + at,
                          .v = v_.data() + at,
                          .size = p.size,
                          .gradient_scale = f.gradient_scale,
                          .beta1 = f.beta1,
                          .rest1 = f.rest1,
                          .beta2 = f.beta2,
                          .rest2 = f.rest2,
                          .keep = layout_.tensors[p.tensor].decays ? f.keep : 1.0f,
                          .step_size = f.step_size,
                          .inverse_sqrt_correction2 = f.inverse_sqrt_correction2,
                          .epsilon = f.epsilon});
  });
  ++step_count_;
}

void Optimizer::restore(std::span<const float> first_moment, std::span<const float> second_moment,
                        uint64_t step_count) {
  for (const auto& moment : {first_moment, second_moment}) check_moment(layout_, moment);
  std::copy_n(first_moment.begin() + static_cast<ptrdiff_t>(own_.begin), own_.size(), m_.data());
  std::copy_n(second_moment.begin() + static_cast<ptrdiff_t>(own_.begin), own_.size(), v_.data());
  step_count_ = step_count;
}

}  // namespace thespis::model
