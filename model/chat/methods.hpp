#pragma once
// The methods of Python's texts, lists, tuples and dicts, and the attributes of `loop`.

#include <optional>
#include <string_view>

#include "model/chat/arguments.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

struct MethodEntry {
  std::string_view name;
  /// nullptr: Python has it, but it is not supported.
  Value (*call)(Runtime& runtime, const Value& self, Arguments arguments) = nullptr;
  bool changes = false;  ///< Would change its object, which no template may.
};

/// The method of `object` that is called `name`; nullptr: Python has none, either.
const MethodEntry* find_method(const Value& object, std::string_view name);

Value call_method(Runtime& runtime, const Method& method, Arguments arguments);

/// loop.index, loop.first, ...; none where Jinja has no such attribute. loop.cycle and loop.changed
/// are methods.
std::optional<Value> loop_attribute(Runtime& runtime, const Loop& loop, std::string_view name);

}  // namespace thespis::model::chat
