#pragma once
// Filters: JSON objects in, one a line, JSON objects out, one for each, in order.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace thespis::app {

/// Reads the standard input to its end and writes body(object) for each line. A line that is no
/// JSON object, is too long, or for which body throws InputError, gives {"error": ...} in its
/// place. Returns 0, also then.
int filter_json_lines(const std::function<nlohmann::json(const nlohmann::json&)>& body);

/// The same with the lines as they are, for what needs the order of keys or the digits of numbers;
/// only length is checked.
int filter_lines(const std::function<nlohmann::json(const std::string&)>& body);

}  // namespace thespis::app
