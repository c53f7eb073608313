#pragma once
// The arguments of a call, and how they come to a function's parameters.

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

struct Arguments {
  Items positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Before a filter, test, method or function works on `input`: it may read each text once.
inline void pay(Runtime& runtime, const Value& input, const Arguments& arguments) {
  runtime.step(arguments.positional.size() + arguments.named.size());
  runtime.read(input);
  for (const Value& one : arguments.positional) runtime.read(one);
  for (const auto& [name, one] : arguments.named) runtime.read(one);
}

/// What came for each of N parameters; `given` says whether anything did.
template <size_t N>
struct Parameters {
  std::array<Value, N> values;
  std::array<bool, N> given = {};
  const Value& operator[](size_t i) const { return values[i]; }
  /// The value of parameter `i`, else `absent`.
  const Value& or_else(size_t i, const Value& absent) const {
    return given[i] ? values[i] : absent;
  }
};

/// Binds as Python does: by place, then by name. The first `required` must come. Fault: too many,
/// unknown, twice, missing.
template <size_t N>
Parameters<N> bind(std::string_view function, Arguments arguments,
                   const std::array<std::string_view, N>& names, size_t required = 0) {
  Parameters<N> bound;
  if (arguments.positional.size() > N)
    throw Fault(fmt::format("{}() takes at most {} arguments ({} given)", function, N,
                            arguments.positional.size()));
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    bound.values[i] = std::move(arguments.positional[i]);
    bound.given[i] = true;
  }
  for (auto& [name, value] : arguments.named) {
    size_t i = 0;
    while (i < N && names[i] != name) ++i;
    if (i == N)
      throw Fault(fmt::format("{}() got an unexpected keyword argument '{}'", function, name));
    if (bound.given[i])
      throw Fault(fmt::format("{}() got multiple values for argument '{}'", function, name));
    bound.values[i] = std::move(value);
    bound.given[i] = true;
  }
  for (size_t i = 0; i < required; ++i)
    if (!bound.given[i])
      throw Fault(fmt::format("{}() is missing the argument '{}'", function, names[i]));
  return bound;
}

}  // namespace thespis::model::chat
