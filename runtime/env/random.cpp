#include "runtime/env/random.hpp"

#include <sys/random.h>

#include <cmath>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::env {
namespace {

// Finaliser of SplitMix64: spreads a small seed over 64 bits before it becomes a key.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t philox_key(uint64_t run_seed, Purpose purpose) {
  return mix(run_seed ^ mix(static_cast<uint64_t>(purpose)));
}

std::array<uint32_t, 4> philox(uint64_t key, const std::array<uint32_t, 4>& counter) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  constexpr int kRounds = 10;
  auto c = counter;
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c[0];
    const uint64_t p1 = uint64_t{kMultiplier1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

float uniform_at(uint64_t run_seed, Purpose purpose, uint64_t a, uint32_t b, uint32_t c) {
  const auto block = philox(philox_key(run_seed, purpose),
                            {static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), b, c});
  return static_cast<float>(block[0] >> 8) * 0x1.0p-24f;
}

KeyedRandom::KeyedRandom(uint64_t run_seed, Purpose purpose, uint64_t stream)
    : key_(philox_key(run_seed, purpose)),
      counter_{0, 0, static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)} {}

uint32_t KeyedRandom::next_u32() {
  if (used_ == 4) {
    block_ = philox(key_, counter_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return block_[used_++];
}

uint64_t KeyedRandom::next_u64() {
  const uint64_t high = next_u32();
  return high << 32 | next_u32();
}

uint32_t KeyedRandom::below(uint32_t n) {
  THESPIS_ASSERT(n > 0);
  uint64_t product = uint64_t{next_u32()} * n;
  if (static_cast<uint32_t>(product) < n) {
    const uint32_t threshold = -n % n;
    while (static_cast<uint32_t>(product) < threshold) product = uint64_t{next_u32()} * n;
  }
  return static_cast<uint32_t>(product >> 32);
}

double KeyedRandom::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1.0p-53;
}

double KeyedRandom::normal() {
  const double u = 1.0 - uniform();  // In (0, 1], so that the logarithm is finite.
  const double v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
}

void fill_secret(uint8_t* bytes, uint64_t size_bytes) {
  uint64_t done = 0;
  while (done < size_bytes) {
    const ssize_t got = getrandom(bytes + done, size_bytes - done, 0);
    if (got <= 0) throw Error("getrandom failed: the operating system gave no random bytes");
    done += static_cast<uint64_t>(got);
  }
}

}  // namespace thespis::env
