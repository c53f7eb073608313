#pragma once
// The number formats of weights on disk, and their conversions to and from float32. Widening is
// exact; narrowing rounds to the nearest, ties to even.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace thespis::model {

enum class Dtype : uint8_t { kF32, kF16, kBF16 };

uint64_t dtype_bytes(Dtype dtype);
/// As safetensors files name it: "F32", "F16", "BF16".
const char* dtype_name(Dtype dtype);
/// By that name; none for other formats.
std::optional<Dtype> dtype_of(std::string_view name);

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);  ///< Beyond 65504, once rounded: infinity.
float bfloat_to_float(uint16_t bits);
uint16_t float_to_bfloat(float value);

/// The values of out.size() elements at `bytes`, of any alignment.
void widen(Dtype dtype, const std::byte* bytes, std::span<float> out);

/// The bytes of `values`, which are finite. Throws InputError "WHAT has the value ..." where one is
/// too large for the format.
void narrow(Dtype dtype, std::span<const float> values, std::span<std::byte> out,
            const std::string& what);

}  // namespace thespis::model
