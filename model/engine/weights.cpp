#include "model/engine/weights.hpp"

#include <openssl/evp.h>
#include <xxhash.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

float* allocate(uint64_t size) {
  constexpr uint64_t kLineBytes = 64;
  const uint64_t bytes = (size * sizeof(float) + kLineBytes - 1) / kLineBytes * kLineBytes;
  auto* p = static_cast<float*>(std::aligned_alloc(kLineBytes, bytes == 0 ? kLineBytes : bytes));
  if (p == nullptr) throw std::bad_alloc();
  std::memset(p, 0, bytes);
  return p;
}

bool ends_with(const std::string& text, const char* tail) {
  const size_t n = std::strlen(tail);
  return text.size() >= n && text.compare(text.size() - n, n, tail) == 0;
}

}  // namespace

void FloatArena::Free::operator()(float* p) const {
  std::free(p);
}

FloatArena::FloatArena(uint64_t size) : size_(size), data_(allocate(size)) {}

FloatArena::FloatArena(const FloatArena& other) : FloatArena(other.size_) {
  std::memcpy(data_.get(), other.data_.get(), size_ * sizeof(float));
}

FloatArena& FloatArena::operator=(const FloatArena& other) {
  if (this != &other) *this = FloatArena(other);
  return *this;
}

Weights::Weights(const ModelConfig& model_config)
    : config(model_config), layout(WeightLayout::of(model_config)), arena(layout.size) {}

uint64_t Weights::checksum() const {
  return XXH3_64bits(arena.data(), arena.size() * sizeof(float));
}

std::string weights_sha256(const Weights& weights) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(weights.arena.data(), weights.arena.size() * sizeof(float), digest, &size,
                 EVP_sha256(), nullptr) != 1)
    throw Error("SHA-256 failed: the cryptographic library refused it");
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

TensorInit::TensorInit(const ModelConfig& config, const TensorSpec& spec, size_t index,
                       uint64_t seed)
    : constant_(ends_with(spec.name, "bias") ? 0.0f : 1.0f),
      is_vector_(spec.is_vector()),
      random_(seed, env::Purpose::kInit, index) {
  constexpr double kStd = 0.02;
  const bool residual =
      ends_with(spec.name, "o_proj.weight") || ends_with(spec.name, "down_proj.weight");
  scale_ = kStd * (residual ? 1.0 / std::sqrt(2.0 * config.layer_count) : 1.0);
}

void TensorInit::fill(std::span<float> next) {
  for (float& v : next) v = is_vector_ ? constant_ : static_cast<float>(scale_ * random_.normal());
}

Weights init_weights(const ModelConfig& config, uint64_t seed) {
  Weights weights(config);
  for (size_t t = 0; t < weights.layout.tensors.size(); ++t) {
    const TensorSpec& spec = weights.layout.tensors[t];
    TensorInit(config, spec, t, seed).fill(weights.tensor(spec));
  }
  return weights;
}

}  // namespace thespis::model
