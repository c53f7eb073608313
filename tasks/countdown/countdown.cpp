// Draws numbers, then combines two at a time until one value is left: that is the target.

#include "tasks/countdown/countdown.hpp"

#include <xxhash.h>
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/error.hpp"

namespace thespis::tasks {
namespace {

constexpr uint32_t kDrawsMax = 10'000;
constexpr uint64_t kTestOneIn = 10;

/// A number still to be combined, and how it came about.
struct Part {
  int64_t value = 0;
  std::string text;
  bool is_sum = false;  ///< More than a literal: bracketed as an operand.
};

std::string operand(const Part& part) {
  return part.is_sum ? "(" + part.text + ")" : part.text;
}

Part take(std::vector<Part>& parts, env::KeyedRandom& random) {
  const auto at = parts.begin() + random.below(static_cast<uint32_t>(parts.size()));
  Part taken = std::move(*at);
  parts.erase(at);
  return taken;
}

Part combined(const Part& x, const Part& y, const Step& step) {
  const bool x_first = step.left == x.value;
  const Part& left = x_first ? x : y;
  const Part& right = x_first ? y : x;
  return {step.value, operand(left) + step.op + operand(right), true};
}

/// One attempt; a target of 0 says that it ended where nothing could be combined.
Countdown draw_once(const config::CountdownSection& options, env::KeyedRandom& random) {
  Countdown instance;
  std::vector<Part> parts;
  const uint32_t span = options.number_max - options.number_min + 1;
  for (uint32_t i = 0; i < options.numbers; ++i) {
    const int64_t number = options.number_min + random.below(span);
    instance.numbers.push_back(number);
    parts.push_back({number, std::to_string(number), false});
  }
  while (parts.size() > 1) {
    const Part x = take(parts, random), y = take(parts, random);
    const auto steps = steps_of(x.value, y.value, options.operators, options.target_max);
    if (steps.empty()) return instance;
    parts.push_back(combined(x, y, steps[random.below(static_cast<uint32_t>(steps.size()))]));
  }
  instance.target = parts[0].value;
  instance.witness = parts[0].text;
  return instance;
}

}  // namespace

std::vector<Step> steps_of(int64_t x, int64_t y, std::string_view operators, int64_t value_max) {
  std::vector<Step> steps;
  const auto has = [operators](char op) { return operators.find(op) != operators.npos; };
  const int64_t large = std::max(x, y), small = std::min(x, y);
  if (has('+') && x + y <= value_max) steps.push_back({x, '+', y, x + y});
  if (has('-') && x != y && large - small <= value_max)
    steps.push_back({large, '-', small, large - small});
  if (has('*') && x * y <= value_max) steps.push_back({x, '*', y, x * y});
  if (has('/') && large % small == 0 && large / small <= value_max)
    steps.push_back({large, '/', small, large / small});
  return steps;
}

Split split_of(const Countdown& instance) {
  auto sorted = instance.numbers;
  std::sort(sorted.begin(), sorted.end());
  const std::string canonical = fmt::format("{}={}", fmt::join(sorted, ","), instance.target);
  const uint64_t hash = XXH64(canonical.data(), canonical.size(), 0);
  return hash % kTestOneIn == 0 ? Split::kTest : Split::kTrain;
}

Countdown draw_countdown(const config::CountdownSection& options, Split split,
                         env::KeyedRandom& random) {
  for (uint32_t draw = 0; draw < kDrawsMax; ++draw) {
    Countdown instance = draw_once(options, random);
    const bool in_range = instance.target > 0 && instance.target >= options.target_min &&
                          instance.target <= options.target_max;
    if (in_range && split_of(instance) == split) return instance;
  }
  throw InputError(fmt::format(
      "data.countdown: no {} instance among {} draws of {} numbers from {} to {}; choose wider "
      "ranges of numbers or of targets ({} to {} now), or more operators than \"{}\"",
      split == Split::kTest ? "test" : "training", kDrawsMax, options.numbers, options.number_min,
      options.number_max, options.target_min, options.target_max, options.operators));
}

CountdownGenerator::CountdownGenerator(const config::CountdownSection& options, uint64_t seed,
                                       Split split)
    : options_(options), seed_(seed), split_(split) {}

Countdown CountdownGenerator::at(uint64_t index) const {
  const uint64_t stream = index * 2 + (split_ == Split::kTest ? 1 : 0);
  env::KeyedRandom random(seed_, env::Purpose::kData, stream);
  return draw_countdown(options_, split_, random);
}

}  // namespace thespis::tasks
