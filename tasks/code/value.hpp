#pragma once
// Values that cross the border of a sandbox: exactly typed, plain data, in a text of our own that
// is read within limits. What an untrusted program sends is only ever read by parse(); nothing is
// evaluated or unpickled.
//   VA-1  parse() ends on any bytes, in time linear in their number, within its limits.
//   VA-2  parse(to_text(value)) gives an equal value.
// The text:  n  t  f  i-12;  d0x1.8p+1;  s3:abc  l2:ITEMS  u2:ITEMS (tuple)  m1:KEY VALUE (dict,
// without the blank)  e2:ITEMS (set). Ints are decimal, floats C's hexadecimal (or inf, -inf, nan),
// lengths of strings bytes of UTF-8, all lengths decimal without a leading zero.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace thespis::tasks {

struct Value {
  enum class Type : uint8_t { kNull, kBool, kInt, kFloat, kStr, kList, kTuple, kDict, kSet };
  Type type = Type::kNull;
  bool boolean = false;
  double number = 0;         ///< Of kFloat.
  std::string text;          ///< Decimal digits with a sign of kInt, any size; bytes of kStr.
  std::vector<Value> items;  ///< Of a dict: key, value, key, value, ...

  static Value of(std::string text);
  static Value of_int(int64_t number);
  static Value of_bool(bool boolean);
  static Value tuple(std::vector<Value> items);
  static Value list(std::vector<Value> items);
};

struct ValueLimits {
  uint64_t bytes = 64 << 10;
  uint32_t depth = 64;
};

std::string to_text(const Value& value);

/// The value that `text` is, whole; none where it is not exactly one, or beyond a limit.
std::optional<Value> parse_value(std::string_view text, const ValueLimits& limits = {});

struct ValueRow {
  std::vector<Value> values;
  bool whole = true;  ///< Nothing else stands in the text.
};
/// The values that `text` begins with; it stops before the first that is not whole.
ValueRow parse_values(std::string_view text, const ValueLimits& limits = {});

/// A JSON value as Python's json module reads it: objects are dicts, arrays lists, 2.0 is a float.
Value value_of(const nlohmann::json& json);

/// For people: as Python writes it, about so many bytes of it at most. Not escaped.
std::string shown(const Value& value, size_t bytes_max = 200);

}  // namespace thespis::tasks
