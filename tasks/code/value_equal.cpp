// What has no order is sorted by a key first, so that a comparison takes n log n, whatever came.

#include "tasks/code/value_equal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace thespis::tasks {
namespace {

using Type = Value::Type;

bool is_numeric(Type type) {
  return type == Type::kBool || type == Type::kInt || type == Type::kFloat;
}

/// A number's decimal digits where it is whole, so that Python's equal numbers have equal texts.
std::string numeric_key(const Value& value) {
  if (value.type == Type::kBool) return value.boolean ? "1" : "0";
  if (value.type == Type::kInt) return value.text;
  if (std::isfinite(value.number) && value.number == std::trunc(value.number))
    return fmt::format("{:.0f}", value.number == 0 ? 0.0 : value.number);
  return to_text(value);  // No whole number's text begins with a 'd'.
}

std::vector<std::string> sorted_keys(const Value& value, const ValueRule& rule);

/// Equal for values that are equal by the rule without a tolerance, and for no others.
std::string key_of(const Value& value, const ValueRule& rule) {
  if (is_numeric(value.type)) {
    const std::string key = numeric_key(value);
    const int type = rule.exact_types ? static_cast<int>(value.type) : 0;
    return fmt::format("{}#{};", type, key);
  }
  if (value.items.empty()) return to_text(value);
  std::string key = fmt::format("{}[", static_cast<int>(value.type));
  if (value.type == Type::kDict || value.type == Type::kSet) {
    for (const std::string& part : sorted_keys(value, rule)) key += part;
  } else {
    for (const Value& item : value.items) key += key_of(item, rule);
  }
  return key + ']';
}

std::vector<std::string> sorted_keys(const Value& value, const ValueRule& rule) {
  const size_t per_entry = value.type == Type::kDict ? 2 : 1;
  std::vector<std::string> keys;
  for (size_t i = 0; i < value.items.size(); i += per_entry) {
    std::string key = key_of(value.items[i], rule);
    if (per_entry == 2) key += key_of(value.items[i + 1], rule);
    keys.push_back(std::move(key));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

double as_double(const Value& value) {
  if (value.type == Type::kFloat) return value.number;
  double number = 0;
  const auto& digits = value.text;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return read.ec == std::errc() ? number : INFINITY;
}

bool near(double given, double expected, double tolerance) {
  if (!std::isfinite(given) || !std::isfinite(expected)) return given == expected;
  return std::abs(given - expected) <= tolerance * std::max(1.0, std::abs(expected));
}

/// Entries of a dict by key, so that equal dicts meet in one order.
std::vector<std::pair<std::string, const Value*>> entries_of(const Value& dict,
                                                             const ValueRule& rule) {
  std::vector<std::pair<std::string, const Value*>> entries;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2)
    entries.emplace_back(key_of(dict.items[i], rule), &dict.items[i + 1]);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return entries;
}

bool equal_numbers(const Value& given, const Value& expected, const ValueRule& rule) {
  const bool may_be_off =
      rule.float_tolerance > 0 && expected.type == Type::kFloat && given.type != Type::kBool;
  if (may_be_off && near(as_double(given), expected.number, rule.float_tolerance)) return true;
  if (rule.exact_types && given.type != expected.type) return false;
  const bool is_nan = (given.type == Type::kFloat && std::isnan(given.number)) ||
                      (expected.type == Type::kFloat && std::isnan(expected.number));
  return (rule.exact_types || !is_nan) && numeric_key(given) == numeric_key(expected);
}

}  // namespace

bool equal(const Value& given, const Value& expected, const ValueRule& rule) {
  if (is_numeric(given.type) && is_numeric(expected.type))
    return equal_numbers(given, expected, rule);
  if (given.type != expected.type || given.items.size() != expected.items.size()) return false;
  switch (given.type) {
    case Type::kStr:
      return given.text == expected.text;
    case Type::kSet:
      return sorted_keys(given, rule) == sorted_keys(expected, rule);
    case Type::kDict: {
      const auto a = entries_of(given, rule), b = entries_of(expected, rule);
      for (size_t i = 0; i < a.size(); ++i)
        if (a[i].first != b[i].first || !equal(*a[i].second, *b[i].second, rule)) return false;
      return true;
    }
    default:
      for (size_t i = 0; i < given.items.size(); ++i)
        if (!equal(given.items[i], expected.items[i], rule)) return false;
      return true;
  }
}

}  // namespace thespis::tasks
