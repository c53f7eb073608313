#pragma once
// Values as texts: Python's str() and repr(), and JSON as json.dumps writes it.

#include <string>
#include <string_view>

#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

/// str(). Fault: what Python would print with an address in memory.
std::string str(Runtime& runtime, const Value& value);
std::string repr(Runtime& runtime, const Value& value);

/// repr() of a float: the shortest text that reads back the same; 1.0, 1e-05, inf.
std::string float_text(double value);

struct JsonForm {
  bool ascii = false;  ///< Escape all that is not ASCII.
  bool sorted = false;
  bool indented = false;
  std::string indent;  ///< Of one level.
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
std::string json(Runtime& runtime, const Value& value, const JsonForm& form);

}  // namespace thespis::model::chat
