#include "model/hf/dtype.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

constexpr const char* kNames[] = {"F32", "F16", "BF16"};

template <class Bits, class Convert>
void convert_each(const std::byte* bytes, std::span<float> out, Convert to_float) {
  for (size_t i = 0; i < out.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, bytes + i * sizeof(Bits), sizeof(Bits));
    out[i] = to_float(bits);
  }
}

}  // namespace

uint64_t dtype_bytes(Dtype dtype) {
  return dtype == Dtype::kF32 ? 4 : 2;
}

const char* dtype_name(Dtype dtype) {
  return kNames[static_cast<size_t>(dtype)];
}

std::optional<Dtype> dtype_of(std::string_view name) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBF16})
    if (name == dtype_name(dtype)) return dtype;
  return std::nullopt;
}

float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1f, fraction = half & 0x3ff;
  if (exponent == 0) {  // Zero or subnormal: fraction * 2^-24, exact in float32.
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 0x1f ? 0xff : exponent + 127 - 15;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  constexpr uint32_t kInfinity = 0x7f800000, kSmallestNormal = 113u << 23, kTooLarge = 0x47800000;
  if (magnitude > kInfinity) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= kTooLarge) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < kSmallestNormal) {
    // Counts of 2^-24; the sum's own rounding is the one wanted, for its last bit is worth 2^-24.
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign |
                                 (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0.5f)));
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

float bfloat_to_float(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

uint16_t float_to_bfloat(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

void widen(Dtype dtype, const std::byte* bytes, std::span<float> out) {
  switch (dtype) {
    case Dtype::kF32:
      if (!out.empty()) std::memcpy(out.data(), bytes, out.size_bytes());
      return;
    case Dtype::kF16:
      return convert_each<uint16_t>(bytes, out, half_to_float);
    case Dtype::kBF16:
      return convert_each<uint16_t>(bytes, out, bfloat_to_float);
  }
}

void narrow(Dtype dtype, std::span<const float> values, std::span<std::byte> out,
            const std::string& what) {
  THESPIS_ASSERT(out.size() == values.size() * dtype_bytes(dtype));
  if (dtype == Dtype::kF32) {
    if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
    return;
  }
  const bool half = dtype == Dtype::kF16;
  const uint16_t infinity = half ? 0x7c00 : 0x7f80;
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = half ? float_to_half(values[i]) : float_to_bfloat(values[i]);
    if ((bits & infinity) == infinity)
      throw InputError(what + " has the value " + std::to_string(values[i]) +
                       ", which is too large for " + dtype_name(dtype));
    std::memcpy(out.data() + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace thespis::model
