// A parser by recursive descent whose depth is bounded.

#include "tasks/code/value.hpp"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace thespis::tasks {
namespace {

using Type = Value::Type;

char tag(Type type) {
  return "nbidslume"[static_cast<size_t>(type)];  // A bool is "t" or "f" instead.
}

std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return fmt::format("{:a}", number);
}

void append(const Value& value, std::string& text) {
  switch (value.type) {
    case Type::kNull:
      text += 'n';
      return;
    case Type::kBool:
      text += value.boolean ? 't' : 'f';
      return;
    case Type::kInt:
      text += 'i' + value.text + ';';
      return;
    case Type::kFloat:
      text += 'd' + float_text(value.number) + ';';
      return;
    case Type::kStr:
      text += fmt::format("s{}:", value.text.size());
      text += value.text;
      return;
    case Type::kList:
    case Type::kTuple:
    case Type::kDict:
    case Type::kSet: {
      const size_t per_entry = value.type == Type::kDict ? 2 : 1;
      text += fmt::format("{}{}:", tag(value.type), value.items.size() / per_entry);
      for (const Value& item : value.items) append(item, text);
      return;
    }
  }
}

bool is_decimal(std::string_view digits) {
  if (digits.starts_with('-')) {
    digits.remove_prefix(1);
    if (digits == "0") return false;
  }
  if (digits.empty() || (digits[0] == '0' && digits.size() > 1)) return false;
  return digits.find_first_not_of("0123456789") == digits.npos;
}

std::optional<double> float_of(std::string_view text) {
  if (text == "nan") return std::nan("");
  if (text == "inf") return INFINITY;
  if (text == "-inf") return -INFINITY;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  constexpr size_t kBytesMax = 40;  // 0x1.fffffffffffffp+1023 has 24.
  double number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number, std::chars_format::hex);
  if (text.size() > kBytesMax || text.starts_with('-') || read.ec != std::errc() ||
      read.ptr != end || !std::isfinite(number))
    return std::nullopt;
  return negative ? -number : number;
}

class Parser {
 public:
  Parser(std::string_view text, const ValueLimits& limits) : rest_(text), limits_(limits) {}

  std::string_view rest() const { return rest_; }

  bool read(Value& value, uint32_t depth) {
    if (rest_.empty() || depth > limits_.depth) return false;
    const char kind = rest_[0];
    rest_.remove_prefix(1);
    switch (kind) {
      case 'n':
        return true;
      case 't':
      case 'f':
        value.type = Type::kBool;
        value.boolean = kind == 't';
        return true;
      case 'i':
        value.type = Type::kInt;
        return until(';', value.text) && is_decimal(value.text);
      case 'd': {
        value.type = Type::kFloat;
        std::string digits;
        if (!until(';', digits)) return false;
        const auto number = float_of(digits);
        value.number = number.value_or(0);
        return number.has_value();
      }
      case 's':
        value.type = Type::kStr;
        return read_bytes(value.text);
      case 'l':
        value.type = Type::kList;
        return read_items(value, 1, depth);
      case 'u':
        value.type = Type::kTuple;
        return read_items(value, 1, depth);
      case 'm':
        value.type = Type::kDict;
        return read_items(value, 2, depth);
      case 'e':
        value.type = Type::kSet;
        return read_items(value, 1, depth);
      default:
        return false;
    }
  }

 private:
  bool until(char end, std::string& text) {
    const size_t at = rest_.find(end);
    if (at == rest_.npos) return false;
    text = rest_.substr(0, at);
    rest_.remove_prefix(at + 1);
    return true;
  }

  /// A length that the bytes at hand can still hold.
  std::optional<size_t> length() {
    constexpr size_t kDigitsMax = 10;
    const size_t at = rest_.substr(0, kDigitsMax + 1).find(':');
    if (at == rest_.npos || !is_decimal(rest_.substr(0, at)) || rest_[0] == '-')
      return std::nullopt;
    size_t size = 0;
    std::from_chars(rest_.data(), rest_.data() + at, size);
    rest_.remove_prefix(at + 1);
    if (size > rest_.size()) return std::nullopt;
    return size;
  }

  bool read_bytes(std::string& text) {
    const auto size = length();
    if (!size) return false;
    text = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return true;
  }

  bool read_items(Value& value, size_t per_entry, uint32_t depth) {
    const auto size = length();  // Each item has a byte at least, so that this bounds the memory.
    if (!size || *size * per_entry > rest_.size()) return false;
    for (size_t i = 0; i < *size * per_entry; ++i)
      if (!read(value.items.emplace_back(), depth + 1)) return false;
    return true;
  }

  std::string_view rest_;
  ValueLimits limits_;
};

}  // namespace

Value Value::of(std::string text) {
  Value value;
  value.type = Type::kStr;
  value.text = std::move(text);
  return value;
}

Value Value::of_int(int64_t number) {
  Value value;
  value.type = Type::kInt;
  value.text = std::to_string(number);
  return value;
}

Value Value::of_bool(bool boolean) {
  Value value;
  value.type = Type::kBool;
  value.boolean = boolean;
  return value;
}

Value Value::tuple(std::vector<Value> items) {
  Value value;
  value.type = Type::kTuple;
  value.items = std::move(items);
  return value;
}

Value Value::list(std::vector<Value> items) {
  Value value = tuple(std::move(items));
  value.type = Type::kList;
  return value;
}

std::string to_text(const Value& value) {
  std::string text;
  append(value, text);
  return text;
}

std::optional<Value> parse_value(std::string_view text, const ValueLimits& limits) {
  if (text.size() > limits.bytes) return std::nullopt;
  Parser parser(text, limits);
  Value value;
  if (!parser.read(value, 0) || !parser.rest().empty()) return std::nullopt;
  return value;
}

ValueRow parse_values(std::string_view text, const ValueLimits& limits) {
  ValueRow row;
  row.whole = text.size() <= limits.bytes;
  Parser parser(row.whole ? text : std::string_view(), limits);
  while (!parser.rest().empty()) {
    Value value;
    row.whole = parser.read(value, 0);
    if (!row.whole) break;
    row.values.push_back(std::move(value));
  }
  return row;
}

Value value_of(const nlohmann::json& json) {
  Value value;
  if (json.is_boolean()) return Value::of_bool(json.get<bool>());
  if (json.is_number_unsigned()) {
    value.type = Type::kInt;
    value.text = std::to_string(json.get<uint64_t>());
  } else if (json.is_number_integer()) {
    return Value::of_int(json.get<int64_t>());
  } else if (json.is_number_float()) {
    value.type = Type::kFloat;
    value.number = json.get<double>();
  } else if (json.is_string()) {
    return Value::of(json.get<std::string>());
  } else if (json.is_array()) {
    value.type = Type::kList;
    for (const auto& item : json) value.items.push_back(value_of(item));
  } else if (json.is_object()) {
    value.type = Type::kDict;
    for (const auto& [key, item] : json.items()) {
      value.items.push_back(Value::of(key));
      value.items.push_back(value_of(item));
    }
  }
  return value;
}

std::string shown(const Value& value, size_t bytes_max) {
  switch (value.type) {
    case Type::kNull:
      return "None";
    case Type::kBool:
      return value.boolean ? "True" : "False";
    case Type::kInt:
      return value.text.size() <= bytes_max ? value.text : value.text.substr(0, bytes_max) + "...";
    case Type::kFloat:
      return fmt::format("{}", value.number);
    case Type::kStr:
      return '\'' +
             (value.text.size() <= bytes_max ? value.text
                                             : value.text.substr(0, bytes_max) + "...") +
             '\'';
    default:
      break;
  }
  const bool is_dict = value.type == Type::kDict;
  std::string text(1, value.type == Type::kList ? '[' : value.type == Type::kTuple ? '(' : '{');
  for (size_t i = 0; i < value.items.size(); ++i) {
    if (i > 0) text += is_dict && i % 2 == 1 ? ": " : ", ";
    if (text.size() > bytes_max) {
      text += "...";
      break;
    }
    text += shown(value.items[i], bytes_max - text.size());
  }
  if (value.type == Type::kTuple && value.items.size() == 1) text += ',';
  return text + (value.type == Type::kList ? ']' : value.type == Type::kTuple ? ')' : '}');
}

}  // namespace thespis::tasks
