#pragma once
// Jinja2's tests: `x is defined`. All are here but `filter` and `test`, which ask for names.

#include <string_view>

#include "model/chat/arguments.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

struct TestEntry {
  std::string_view name;
  bool (*holds)(Runtime& runtime, const Value& value, const Value& argument);
  bool takes_argument = false;
};

/// nullptr: no such test here.
const TestEntry* find_test(std::string_view name);

/// Fault: the wrong number of arguments, or whatever the test cannot be asked of.
bool apply_test(Runtime& runtime, const TestEntry& test, const Value& value, Arguments arguments);

}  // namespace thespis::model::chat
