#pragma once
// Keyed, counter-based random numbers (Philox4x32-10, Salmon et al. 2011, "Parallel random numbers:
// as easy as 1, 2, 3"). A draw is a function of its key, never of who drew before it: the promise
// SEED.

#include <array>
#include <cstdint>

namespace thespis::env {

/// The Philox4x32-10 block function: 128 random bits for a 64-bit key and a 128-bit counter.
std::array<uint32_t, 4> philox(uint64_t key, const std::array<uint32_t, 4>& counter);

/// What a random number is for. Streams of different purposes never meet, whatever their indices.
enum class Purpose : uint32_t {
  kSampling = 1,    // (prompt, sample, position)
  kInit = 2,        // (tensor, element)
  kData = 3,        // (instance, attempt)
  kShuffle = 4,     // (epoch)
  kCorpus = 5,      // (document, draw)
  kSimulation = 6,  // (actor, draw)
  kIdentity = 7,    // (run, draw)
};

/// What philox() is keyed with for a purpose of a run.
uint64_t philox_key(uint64_t run_seed, Purpose purpose);

/// Uniform in [0, 1), 24 bits, for one place: `run_seed` and up to three indices.
float uniform_at(uint64_t run_seed, Purpose purpose, uint64_t a, uint32_t b, uint32_t c);

/// A sequence of draws under one key: the same key gives the same sequence on every machine.
class KeyedRandom {
 public:
  KeyedRandom(uint64_t run_seed, Purpose purpose, uint64_t stream);
  uint32_t next_u32();
  uint64_t next_u64();
  /// Uniform in [0, n); n > 0. Unbiased (Lemire's rejection).
  uint32_t below(uint32_t n);
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Standard normal by Box-Muller in double.
  double normal();

 private:
  uint64_t key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  uint32_t used_ = 4;
};

/// Bytes from the operating system, for secrets and identities; never for anything a run computes.
void fill_secret(uint8_t* bytes, uint64_t size_bytes);

}  // namespace thespis::env
