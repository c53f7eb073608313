#pragma once
// A Countdown instance as the JSON of a data row: what files hold and what verifiers are sent.

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "tasks/countdown/countdown.hpp"

namespace thespis::tasks {

constexpr uint64_t kRowBytesMax = 1 << 20;
constexpr uint64_t kRowNumbersMax = 16;
constexpr int64_t kRowNumberMax = 1'000'000'000;

/// {"numbers": [3, 7, 12], "target": 57}, without blanks.
std::string to_row(const Countdown& instance);

/// The object of one row. Throws InputError: too long, not JSON, not an object.
nlohmann::json parse_row(std::string_view row);

/// Reads "numbers" (or "nums", as TinyZero's data set says) and "target". Throws InputError naming
/// the field and what it should be; other fields are left alone.
Countdown countdown_of(const nlohmann::json& row);

}  // namespace thespis::tasks
