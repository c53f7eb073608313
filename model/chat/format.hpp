#pragma once
// Texts with places to fill: `"%s" % x` and "{}".format(x).

#include "model/chat/arguments.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

/// `pattern % values`. Conversions: s, r, d, i, x, f, e, g and %, with flags, width and precision.
Value format_percent(Runtime& runtime, const Value& pattern, const Value& values);

/// str.format with {}, {0}, {name} and their attributes and items, and of their format
/// specifications fill, alignment, width, precision and the types s, d, x, f, e, g, %.
Value format_braces(Runtime& runtime, std::string_view pattern, const Arguments& arguments);

}  // namespace thespis::model::chat
