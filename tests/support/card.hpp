#pragma once
// Cards for the tests of a device: emulated ones, and the machine's.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "gpu/device.hpp"
#include "gpu/emulation/cards.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/seeds.hpp"

namespace thespis::test {

using gpu::emulation::Order;
#if defined(__SANITIZE_THREAD__)
constexpr bool kSlow = true;  ///< Every access is watched: fewer cases must do.
#else
constexpr bool kSlow = false;
#endif

/// Under a sanitizer the one that shows it most: what is freed too soon, or threads that meet.
inline std::vector<Order> every_order() {
#if defined(__SANITIZE_ADDRESS__)
  return {Order::kLate};
#elif defined(__SANITIZE_THREAD__)
  return {Order::kRandom};
#else
  return {Order::kLate, Order::kOthersFirst, Order::kRandom};
#endif
}

/// Cards of this machine. InputError where there are not so many.
inline std::vector<std::shared_ptr<gpu::Device>> real_cards(uint32_t count) {
  std::vector<std::shared_ptr<gpu::Device>> all;
  while (all.size() < count) all.push_back(gpu::open_device(static_cast<uint32_t>(all.size())));
  return all;
}

/// Runs the rest of the test once with emulated cards for each order of their streams, and once
/// with the machine's where it has them. Once a test; one of tests/gpu says what is lacking.
inline std::vector<std::shared_ptr<gpu::Device>> cards(uint32_t count,
                                                       std::vector<Order> orders = {Order::kLate}) {
  std::vector<std::optional<Order>> kinds(orders.begin(), orders.end());
  try {
    real_cards(count);
    kinds.push_back(std::nullopt);
  } catch (const InputError&) {
    // Then the emulated ones alone.
  }
  const auto kind = GENERATE_REF(from_range(kinds));
  if (!kind) return real_cards(count);
  UNSCOPED_INFO("emulated cards, order " << static_cast<int>(*kind));
  return gpu::emulation::make_cards(count, {.order = *kind, .seed = seed()});
}

inline std::shared_ptr<gpu::Device> card(std::vector<Order> orders = {Order::kLate}) {
  return cards(1, std::move(orders)).front();
}

inline float widened(gpu::Bf16 v) {
  const uint32_t bits = uint32_t{v.bits} << 16;
  float f;
  std::memcpy(&f, &bits, sizeof(f));
  return f;
}

/// To the nearest, ties to even, as the device rounds.
inline gpu::Bf16 rounded(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, sizeof(bits));
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}

inline std::vector<float> rounded(std::vector<float> values) {
  for (float& v : values) v = widened(rounded(v));
  return values;
}

/// Arrays in the card's memory, and their return; freed at the end.
class CardMemory {
 public:
  explicit CardMemory(std::shared_ptr<gpu::Device> device)
      : device_(std::move(device)), stream_(device_->make_stream()) {}
  ~CardMemory() {
    stream_->synchronize();
    for (void* at : arrays_) device_->release(at);
  }
  gpu::DeviceStream& stream() { return *stream_; }

  /// Filled with bytes 0xff: NaN where nobody writes.
  template <class T>
  T* make(size_t size) {
    const std::vector<uint8_t> poison(size * sizeof(T), 0xff);
    arrays_.push_back(device_->allocate(poison.size(), "a test"));
    stream_->upload(arrays_.back(), poison.data(), poison.size());
    return static_cast<T*>(arrays_.back());
  }
  template <class T>
  T* put(const std::vector<T>& values) {
    T* at = make<T>(values.size());
    stream_->upload(at, values.data(), values.size() * sizeof(T));
    return at;
  }
  gpu::Bf16* put_bf16(const std::vector<float>& values) {
    std::vector<gpu::Bf16> bits;
    for (const float v : values) bits.push_back(rounded(v));
    return put(bits);
  }
  template <class T>
  std::vector<T> get(const T* at, size_t size) {
    std::vector<T> values(size);
    stream_->download(values.data(), at, size * sizeof(T));
    stream_->synchronize();
    return values;
  }
  std::vector<float> get_bf16(const gpu::Bf16* at, size_t size) {
    std::vector<float> values;
    for (const gpu::Bf16 v : get(at, size)) values.push_back(widened(v));
    return values;
  }

 private:
  std::shared_ptr<gpu::Device> device_;
  std::unique_ptr<gpu::DeviceStream> stream_;
  std::vector<void*> arrays_;
};

/// |a - b| / |b|, of the whole arrays.
template <class A, class B>
double distance(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(difference / std::max(size, 1e-30));
}

}  // namespace thespis::test
