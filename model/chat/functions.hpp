#pragma once
// The functions of every template: range, dict, namespace, and Hugging Face's raise_exception and
// strftime_now.

#include <optional>
#include <string_view>

#include "model/chat/arguments.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

/// What a template says with raise_exception: its own text, as it stands.
class RaisedByTemplate : public InputError {
 public:
  using InputError::InputError;
};

/// None: no such function. strftime_now is one only where the runtime has a time.
std::optional<Function> find_function(std::string_view name, const Runtime& runtime);

Value call_function(Runtime& runtime, Function function, Arguments arguments);

/// "2025-01-31" or "2025-01-31T12:34:56" (a blank may stand for the T). Throws InputError.
std::tm parse_time(std::string_view text);

}  // namespace thespis::model::chat
