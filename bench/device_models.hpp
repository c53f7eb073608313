#pragma once
// Random weights in the shapes of published models on a card, and the card's own limits, for
// benchmarks.

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/engine/trainer.hpp"
#include "model/hf/known_models.hpp"

namespace thespis::model::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Limits {
  double flops = 0;  ///< A second.
  double bytes = 0;  ///< Read and written, a second.
};

/// Seconds of work on a stream, the least of some times.
template <class Work>
double least_seconds(gpu::DeviceStream& stream, const Work& work) {
  double least = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto begin = stream.make_event(), end = stream.make_event();
    stream.record(*begin);
    work();
    stream.record(*end);
    end->wait_on_host();
    if (i > 1) least = std::min(least, double{end->milliseconds_since(*begin)} / 1e3);
  }
  return least;
}

/// Numbers from -1 to 1.
inline DeviceArray<gpu::Bf16> random_numbers(const std::shared_ptr<gpu::Device>& device,
                                             gpu::DeviceStream& stream, size_t size) {
  std::vector<float> values(size);
  uint32_t state = 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) * 0x1.0p-23f - 1.0f;
  }
  DeviceArray<float> floats(device, size, "random numbers");
  DeviceArray<gpu::Bf16> numbers(device, size, "random numbers");
  stream.upload(floats.data(), values.data(), floats.bytes());
  stream.to_bf16(floats.data(), size, numbers.data());
  stream.synchronize();
  return numbers;
}

/// A product of 8192^3 in bf16 on random data, and a copy of 4 GiB.
inline Limits measure_limits(const std::shared_ptr<gpu::Device>& device) {
  constexpr uint32_t kSize = 8192;
  constexpr size_t kCopy = size_t{2} << 30;
  const auto stream = device->make_stream();
  const auto x = random_numbers(device, *stream, size_t{kSize} * kSize);
  const auto w = random_numbers(device, *stream, size_t{kSize} * kSize);
  const DeviceArray<gpu::Bf16> y(device, size_t{kSize} * kSize, "y");
  DeviceArray<uint8_t> from(device, kCopy, "a copy"), to(device, kCopy, "a copy");
  stream->zero(from.data(), kCopy);
  Limits limits;
  limits.flops = 2.0 * kSize * kSize * double{kSize} / least_seconds(*stream, [&] {
                   stream->linear({x.data(), kSize, w.data(), kSize, kSize, nullptr, y.data(),
                                   nullptr, kSize});
                 });
  limits.bytes =
      2.0 * kCopy / least_seconds(*stream, [&] { stream->copy(to.data(), from.data(), kCopy); });
  return limits;
}

struct Model {
  ModelConfig config;
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<DeviceModel> on_device;
};
inline Model make_model(const std::shared_ptr<gpu::Device>& device, const char* name) {
  Model m;
  m.config = known_model(name);
  m.config.context_max = 8192;
  auto weights = std::make_shared<Weights>(m.config);
  for (const TensorSpec& t : weights->layout.tensors) {
    uint32_t state = static_cast<uint32_t>(t.offset) + 1;
    for (float& v : weights->tensor(t)) {
      state = state * 1664525u + 1013904223u;
      v = t.is_vector() ? 1.0f : 0.05f * (static_cast<float>(state >> 8) * 0x1.0p-23f - 1.0f);
    }
  }
  m.policy = std::make_shared<const Policy>(weights, 1);
  m.on_device = DeviceModel::make(device, m.policy->shared_plan());
  return m;
}

inline std::vector<int32_t> tokens_of(uint32_t count, uint32_t seed, uint32_t vocab) {
  std::vector<int32_t> tokens;
  for (uint32_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    tokens.push_back(static_cast<int32_t>((seed >> 8) % vocab));
  }
  return tokens;
}

inline std::vector<TrainItem> train_items(uint32_t sequences, uint32_t length, uint32_t vocab) {
  std::vector<TrainItem> items;
  for (uint32_t i = 0; i < sequences; ++i)
    items.push_back({tokens_of(1, i, vocab), tokens_of(length, 1000 + i, vocab), 1});
  return items;
}

inline const LossGradient kCrossEntropy = [](const ScoredTokens&, std::span<float> g) {
  std::fill(g.begin(), g.end(), -1e-4f);
};

}  // namespace thespis::model::bench
