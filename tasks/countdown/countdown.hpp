#pragma once
// Countdown: combine each of some numbers once to reach a target. Instances come from a random
// expression, so that each is solvable and carries a solution.
//   CD-1  Every step of the witness is a positive whole number of at most `target_max`.
//   CD-2  Instance `index` is a function of (options, seed, split, index) alone.
//   CD-3  No test instance is a training instance with its numbers in another order.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/recipe.hpp"
#include "runtime/env/random.hpp"

namespace thespis::tasks {

struct Countdown {
  std::vector<int64_t> numbers;
  int64_t target = 0;
  std::string witness;  ///< An expression that solves it; empty where none is known.
  bool operator==(const Countdown&) const = default;
};

/// One operation written out: left op right = value.
struct Step {
  int64_t left = 0;
  char op = '+';
  int64_t right = 0;
  int64_t value = 0;
  bool operator==(const Step&) const = default;
};

/// What `x` and `y` (positive) can be combined to, in the order + - * /: positive whole numbers of
/// at most `value_max`. Sums and products keep the order x, y; the larger one comes first in
/// differences and quotients.
std::vector<Step> steps_of(int64_t x, int64_t y, std::string_view operators, int64_t value_max);

enum class Split : uint8_t { kTrain, kTest };

/// About one instance in ten is of the test split, by a hash of the sorted numbers and the target.
Split split_of(const Countdown& instance);

/// The next instance of `split` from `random`. Throws InputError where the ranges hold none.
Countdown draw_countdown(const config::CountdownSection& options, Split split,
                         env::KeyedRandom& random);

class CountdownGenerator {
 public:
  CountdownGenerator(const config::CountdownSection& options, uint64_t seed, Split split);
  /// Any number of indices; different indices may hold equal instances. Errors: draw_countdown.
  Countdown at(uint64_t index) const;

 private:
  config::CountdownSection options_;
  uint64_t seed_;
  Split split_;
};

}  // namespace thespis::tasks
