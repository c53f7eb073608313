// Filters of single values: numbers, defaults, JSON.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "model/chat/filters.hpp"
#include "model/chat/literal.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"
#include "model/chat/text_operations.hpp"

namespace thespis::model::chat {
namespace {

Value absolute(Runtime&, const Value& input, Arguments arguments) {
  bind<0>("abs", std::move(arguments), {});
  if (input.is(Kind::kUndefined)) fail_undefined(input);
  if (const double* number = input.get_if<double>()) return Value(std::abs(*number));
  const auto whole = as_integer(input);
  if (!whole) throw Fault(fmt::format("bad operand type for abs(): '{}'", type_name(input)));
  return *whole < 0 ? negative(input) : Value(*whole);
}

Value default_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("default", std::move(arguments), {"default_value", "boolean"});
  const bool takes = input.is(Kind::kUndefined) || (truth(p[1]) && !truth(input));
  if (!takes) return input;
  return p.given[0] ? p[0] : runtime.text("");
}

/// The text of a number as Python's int() and float() take it: without blanks at its ends and
/// without the underscores between digits. Empty: no number.
std::string number_digits(std::string_view text) {
  text = strip(text, Ends::kBoth);
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto is_digit_at = [text](size_t at) {
      return at < text.size() &&
             ((text[at] >= '0' && text[at] <= '9') || (text[at] >= 'a' && text[at] <= 'z') ||
              (text[at] >= 'A' && text[at] <= 'Z'));
    };
    if (text[i] == '_') {
      if (i == 0 || !is_digit_at(i - 1) || !is_digit_at(i + 1)) return "";
      continue;
    }
    digits += text[i];
  }
  return digits;
}

std::optional<double> parse_float(std::string_view text) {
  std::string digits = number_digits(text);
  std::string_view rest = digits;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.empty() || rest.starts_with('-') || rest.starts_with('+')) return std::nullopt;
  const std::string word = to_lower(rest);
  double number = 0;
  if (word == "inf" || word == "infinity") {
    number = INFINITY;
  } else if (word == "nan") {
    number = NAN;
  } else if ((rest[0] < '0' || rest[0] > '9') && rest[0] != '.') {
    return std::nullopt;
  } else {
    const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (end.ptr != rest.data() + rest.size() || end.ec == std::errc::invalid_argument)
      return std::nullopt;
    if (end.ec == std::errc::result_out_of_range)
      number = rest.find("e-") != rest.npos || rest.find("E-") != rest.npos ? 0 : INFINITY;
  }
  return minus ? -number : number;
}

std::optional<Value> parse_integer(std::string_view text, int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  std::string digits = number_digits(text);
  std::string_view rest = digits;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0') {
    const char letter = static_cast<char>(rest[1] | 0x20);
    const int64_t of_prefix = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (of_prefix != 0 && (base == of_prefix || base == 0)) {
      rest.remove_prefix(2);
      base = of_prefix;
    }
  }
  if (base == 0) {
    if (rest.size() > 1 && rest[0] == '0' && rest.find_first_not_of('0') != rest.npos)
      return std::nullopt;
    base = 10;
  }
  if (rest.empty() || rest[0] == '-' || rest[0] == '+') return std::nullopt;
  const std::string all = (minus ? "-" : "") + std::string(rest);
  int64_t number = 0;
  const auto end =
      std::from_chars(all.data(), all.data() + all.size(), number, static_cast<int>(base));
  if (end.ptr != all.data() + all.size()) return std::nullopt;
  if (end.ec == std::errc()) return Value(number);
  if (end.ec != std::errc::result_out_of_range || base != 10) return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of('0'), rest.size() - 1));
  if (rest.size() > kDigitsMax)
    throw Fault(fmt::format("a whole number has more than {} digits", kDigitsMax));
  return integer_value((minus ? "-" : "") + std::string(rest));
}

/// int() of a float; none where Python raises.
std::optional<Value> truncated(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  constexpr double kTwo63 = 9223372036854775808.0;
  if (number < -kTwo63 || number >= kTwo63) throw Fault("a whole number does not fit into 64 bits");
  return Value(static_cast<int64_t>(number));
}

Value int_filter(Runtime&, const Value& input, Arguments arguments) {
  const auto p = bind<2>("int", std::move(arguments), {"default", "base"});
  const Value absent = p.or_else(0, Value(int64_t{0}));
  if (input.is(Kind::kUndefined)) fail_undefined(input);
  if (input.is(Kind::kBigInteger)) return input;
  if (const auto whole = as_integer(input)) return Value(*whole);
  std::optional<Value> number;
  if (input.is(Kind::kText)) {
    number = parse_integer(input.str(), p.given[1] ? integer_of(p[1], "the base of int") : 10);
    if (!number)
      if (const auto parsed = parse_float(input.str())) number = truncated(*parsed);
  } else if (const double* held = input.get_if<double>()) {
    number = truncated(*held);
  }
  return number ? *number : absent;
}

Value float_filter(Runtime&, const Value& input, Arguments arguments) {
  const auto p = bind<1>("float", std::move(arguments), {"default"});
  if (input.is(Kind::kUndefined)) fail_undefined(input);
  if (const auto number = as_number(input)) return Value(*number);
  if (input.is(Kind::kBigInteger)) return Value(*parse_float(*input.get<BigInteger>().digits));
  if (input.is(Kind::kText))
    if (const auto number = parse_float(input.str())) return Value(*number);
  return p.or_else(0, Value(0.0));
}

Value round(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<2>("round", std::move(arguments), {"precision", "method"});
  if (input.is(Kind::kUndefined)) fail_undefined(input);
  const int64_t precision = p.given[0] ? integer_of(p[0], "the precision of round") : 0;
  const std::string method = p.given[1] ? str(runtime, p[1]) : "common";
  constexpr int64_t kPrecisionMax = 100;
  if (method != "common" && method != "ceil" && method != "floor")
    throw Fault("method must be common, ceil or floor");
  if (precision < 0 || precision > kPrecisionMax)
    throw Fault(
        fmt::format("round with a precision outside of 0 to {} is not supported", kPrecisionMax));
  const auto number = as_number(input);
  if (!number)
    throw Fault(fmt::format("type {} doesn't define __round__ method", type_name(input)));
  if (method == "common") {
    if (const auto whole = as_integer(input)) return Value(*whole);
    if (!std::isfinite(*number)) return input;
    return Value(*parse_float(fmt::format("{:.{}f}", *number, static_cast<int>(precision))));
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = *number * scale;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Value to_json(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<4>("tojson", std::move(arguments),
                         {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonForm form;
  form.ascii = truth(p[0]);
  form.sorted = truth(p[3]);
  if (p.given[1] && !p[1].is(Kind::kNone)) {
    form.indented = true;
    form.item_separator = ",";
    if (p[1].is(Kind::kText)) {
      form.indent = p[1].str();
    } else {
      Builder blanks(runtime);
      blanks.add(" ", integer_of(p[1], "the indent of tojson"));
      form.indent = blanks.take_string();
    }
  }
  if (p.given[2] && !p[2].is(Kind::kNone)) {
    const Items separators = iterate(runtime, p[2]);
    if (separators.size() != 2) throw Fault("the separators of tojson must be two texts");
    form.item_separator = text_of(separators[0], "a separator of tojson must be a text");
    form.key_separator = text_of(separators[1], "a separator of tojson must be a text");
  }
  return runtime.text(json(runtime, input, form));
}

}  // namespace

const std::vector<FilterEntry>& value_filters() {
  static const std::vector<FilterEntry> kEntries = {
      {"abs", absolute},   {"default", default_filter}, {"d", default_filter},
      {"int", int_filter}, {"float", float_filter},     {"round", round},
      {"tojson", to_json},
  };
  return kEntries;
}

const FilterEntry* find_filter(std::string_view name) {
  for (const auto* entries : {&value_filters(), &text_filters(), &list_filters()})
    for (const FilterEntry& entry : *entries)
      if (entry.name == name) return &entry;
  return nullptr;
}

Value apply_filter(Runtime& runtime, const FilterEntry& filter, const Value& input,
                   Arguments arguments) {
  pay(runtime, input, arguments);
  return filter.apply(runtime, input, std::move(arguments));
}

Value ignoring_case(Runtime& runtime, const Value& value) {
  return value.is(Kind::kText) ? runtime.text(to_lower(value.str())) : value;
}

Value lookup(Runtime& runtime, const Value& object, const Value& path, const Value* absent) {
  const auto step_into = [&](const Value& from, const Value& key) {
    Value found = item(runtime, from, key);
    return found.is(Kind::kUndefined) && absent != nullptr ? *absent : found;
  };
  if (!path.is(Kind::kText)) return step_into(object, path);
  Value value = object;
  runtime.read(path);
  for (const std::string_view part : split_at(runtime, path.str(), ".", -1, Ends::kLeft)) {
    const bool whole = !part.empty() && part.size() <= kDigitsMax &&
                       part.find_first_not_of("0123456789") == part.npos;
    value = step_into(value, whole ? integer_value(part) : runtime.text(std::string(part)));
  }
  return value;
}

}  // namespace thespis::model::chat
