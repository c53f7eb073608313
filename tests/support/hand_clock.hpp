#pragma once
// Time that stands still until a test moves it.

#include <atomic>

#include "runtime/env/clock.hpp"

namespace thespis::test {

class HandClock final : public env::Clock {
 public:
  env::Nanoseconds now() const override { return env::Nanoseconds(now_.load()); }
  double wall_seconds() const override { return 0; }
  void pass(env::Nanoseconds time) { now_ += time.count(); }

 private:
  std::atomic<int64_t> now_{0};
};

}  // namespace thespis::test
