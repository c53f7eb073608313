#pragma once
// Filters: JSON objects in, one a line, JSON objects out, one for each, in order.

#include <functional>
#include <nlohmann/json_fwd.hpp>

namespace thespis::app {

/// Reads the standard input to its end and writes body(object) for each line. A line that is no
/// JSON object, is too long, or for which body throws InputError, gives {"error": ...} in its
/// place. Returns 0, also then.
int filter_json_lines(const std::function<nlohmann::json(const nlohmann::json&)>& body);

}  // namespace thespis::app
