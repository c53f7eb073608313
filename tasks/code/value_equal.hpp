#pragma once
// When the value that an untrusted program gave is the expected one. Both are plain data by now: no
// code of the program's has a say in it.

#include "tasks/code/value.hpp"

namespace thespis::tasks {

struct ValueRule {
  /// Types must be the same, and NaN is NaN. Else as Python's == has it: True == 1 == 1.0, and NaN
  /// equals nothing.
  bool exact_types = true;
  /// Where above 0: floats may be off by so much, absolutely or relative to the expected one, and
  /// an int counts as a float where a float is expected. Not in sets and keys.
  double float_tolerance = 0;
};

bool equal(const Value& given, const Value& expected, const ValueRule& rule);

}  // namespace thespis::tasks
