// See permutation.hpp.

#include "tasks/data/permutation.hpp"

#include <bit>

#include "runtime/base/assert.hpp"
#include "runtime/env/random.hpp"

namespace thespis::tasks {

uint64_t shuffled(uint64_t position, uint64_t size, uint64_t seed, uint64_t epoch) {
  THESPIS_ASSERT(position < size);
  constexpr uint32_t kRounds = 6;
  const uint64_t key = env::KeyedRandom(seed, env::Purpose::kShuffle, epoch).next_u64();
  // Two halves of equal width hold every place; at most four times as many values as places.
  const int half_bits = (std::bit_width(size - 1) + 1) / 2;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  do {
    uint64_t left = position >> half_bits, right = position & mask;
    for (uint32_t round = 0; round < kRounds; ++round) {
      const auto block = env::philox(
          key, {static_cast<uint32_t>(right), static_cast<uint32_t>(right >> 32), round, 0});
      const uint64_t mixed = (uint64_t{block[1]} << 32 | block[0]) & mask;
      const uint64_t next = left ^ mixed;
      left = right;
      right = next;
    }
    position = left << half_bits | right;
  } while (position >= size);
  return position;
}

}  // namespace thespis::tasks
