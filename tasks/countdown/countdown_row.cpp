// Every field is checked before it is used: a row may come from anywhere.

#include "tasks/countdown/countdown_row.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"

namespace thespis::tasks {
namespace {

/// `value` as JSON, cut to what fits a message.
std::string shown(const nlohmann::json& value) {
  constexpr size_t kShownMax = 40;
  std::string text = value.is_structured()
                         ? std::string(value.is_array() ? "a list" : "an object")
                         : value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kShownMax) text = text.substr(0, kShownMax) + "...";
  return text;
}

int64_t whole_number(const nlohmann::json& value, std::string_view name, int64_t low) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= kRowNumberMax) &&
                    value.get<int64_t>() >= low && value.get<int64_t>() <= kRowNumberMax;
  if (fits) return value.get<int64_t>();
  throw InputError(fmt::format("\"{}\" has {}; expected whole numbers from {} to {}", name,
                               shown(value), low, kRowNumberMax));
}

}  // namespace

std::string to_row(const Countdown& instance) {
  return fmt::format("{{\"numbers\":[{}],\"target\":{}}}", fmt::join(instance.numbers, ","),
                     instance.target);
}

nlohmann::json parse_row(std::string_view row) {
  if (row.size() > kRowBytesMax)
    throw InputError(fmt::format("{} bytes in one row; at most {}", row.size(), kRowBytesMax));
  auto parsed = nlohmann::json::parse(row, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded())
    throw InputError("not JSON; expected a row like {\"numbers\": [3, 7, 12], \"target\": 57}");
  if (!parsed.is_object())
    throw InputError(fmt::format(
        "{}; expected an object like {{\"numbers\": [3, 7, 12], \"target\": 57}}", shown(parsed)));
  return parsed;
}

Countdown countdown_of(const nlohmann::json& row) {
  Countdown instance;
  const std::string_view name =
      row.contains("numbers") || !row.contains("nums") ? "numbers" : "nums";
  const auto numbers = row.find(name);
  if (numbers == row.end())
    throw InputError("no \"numbers\"; expected a list like \"numbers\": [3, 7, 12]");
  if (!numbers->is_array() || numbers->empty() || numbers->size() > kRowNumbersMax)
    throw InputError(
        fmt::format("\"{}\" is {}; expected a list of 1 to {} whole numbers", name,
                    numbers->is_array() ? fmt::format("{} long", numbers->size()) : shown(*numbers),
                    kRowNumbersMax));
  for (const auto& number : *numbers) instance.numbers.push_back(whole_number(number, name, 0));
  const auto target = row.find("target");
  if (target == row.end()) throw InputError("no \"target\"; expected one like \"target\": 57");
  instance.target = whole_number(*target, "target", -kRowNumberMax);
  return instance;
}

}  // namespace thespis::tasks
