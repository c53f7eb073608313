#include "model/chat/format.hpp"

#include <algorithm>
#include <cmath>

#include "model/chat/characters.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"

namespace thespis::model::chat {
namespace {

/// How one value is to be shown.
struct Field {
  std::string fill = " ";
  char align = 0;  ///< '<', '>', '^', or '=' (between sign and digits); 0: as the type has it.
  bool plus = false;
  int64_t width = 0;
  int64_t precision = -1;
  char type = 0;
};

constexpr int64_t kPrecisionMax = 100;

int64_t take_number(std::string_view& text) {
  int64_t number = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    number = std::min<int64_t>(number * 10 + (text.front() - '0'), INT32_MAX);
    text.remove_prefix(1);
  }
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

void add_padded(Builder& out, const Field& field, std::string_view text, char align) {
  const int64_t missing = field.width - static_cast<int64_t>(character_count(text));
  const char side = field.align == 0 ? align : field.align;
  const bool sign = side == '=' && (text.starts_with('-') || text.starts_with('+'));
  if (sign) out.add(text.substr(0, 1));
  const int64_t before = side == '<'   ? 0
                         : side == '^' ? std::max<int64_t>(missing, 0) / 2
                                       : missing;
  out.add(field.fill, before);
  out.add(text.substr(sign ? 1 : 0));
  out.add(field.fill, missing - before);
}

/// A number in the way that `field.type` says.
std::string number_text(const Field& field, const Value& value) {
  const int precision = static_cast<int>(field.precision < 0 ? 6 : field.precision);
  std::string text;
  switch (field.type) {
    case 'd':
    case 'x': {
      auto whole = as_integer(value);
      const double* number = value.get_if<double>();
      if (!whole && number != nullptr && field.type == 'd' && std::abs(*number) < 9e18)
        whole = static_cast<int64_t>(*number);
      if (!whole)
        throw Fault(
            fmt::format("%{} format: a number is required, not {}", field.type, type_name(value)));
      text = field.type == 'd' ? fmt::format("{}", *whole) : fmt::format("{:x}", *whole);
      break;
    }
    default: {
      const auto number = as_number(value);
      if (!number) throw Fault(fmt::format("must be real number, not {}", type_name(value)));
      if (field.type == 'f')
        text = fmt::format("{:.{}f}", *number, precision);
      else if (field.type == 'e')
        text = fmt::format("{:.{}e}", *number, precision);
      else if (field.type == '%')
        text = fmt::format("{:.{}f}%", *number * 100, precision);
      else
        text = fmt::format("{:.{}g}", *number, precision == 0 ? 1 : precision);
    }
  }
  return field.plus && !text.starts_with('-') ? "+" + text : text;
}

std::string_view cut(const Field& field, std::string_view text) {
  return field.precision < 0 ? text
                             : text.substr(0, bytes_of(text, static_cast<size_t>(field.precision)));
}

void check(const Field& field, bool number) {
  if (number && field.precision > kPrecisionMax)
    throw Fault(fmt::format("more than {} digits of precision are not supported", kPrecisionMax));
}

/// The values of a `%`, taken one after the other, or by name.
class Values {
 public:
  explicit Values(const Value& values) : values_(values) {}
  const Value& take() {
    const Sequence* tuple = values_.sequence();
    if (tuple == nullptr || tuple->type != SequenceType::kTuple) {
      if (next_++ > 0) throw Fault("not enough arguments for format string");
      return values_;
    }
    if (next_ == tuple->items.size()) throw Fault("not enough arguments for format string");
    return tuple->items[next_++];
  }
  const Value& named(std::string_view name) {
    const Dict* dict = values_.dict();
    if (dict == nullptr) throw Fault("format requires a mapping");
    const Value* found = dict->find(name);
    if (found == nullptr) throw Fault(fmt::format("no value named '{}' to format", name));
    return *found;
  }
  void check_used() const {
    const Sequence* tuple = values_.sequence();
    const bool is_tuple = tuple != nullptr && tuple->type == SequenceType::kTuple;
    const bool all = is_tuple ? next_ == tuple->items.size() : next_ > 0 || values_.dict();
    if (!all) throw Fault("not all arguments converted during string formatting");
  }

 private:
  const Value& values_;
  size_t next_ = 0;
};

void add_conversion(Runtime& runtime, Builder& out, std::string_view& pattern, Values& values) {
  const Value* value = nullptr;
  if (take(pattern, '(')) {
    const size_t end = pattern.find(')');
    if (end == pattern.npos) throw Fault("incomplete format key");
    value = &values.named(pattern.substr(0, end));
    pattern.remove_prefix(end + 1);
  }
  Field field;
  bool left = false, zero = false;
  for (;;) {
    if (take(pattern, '-'))
      left = true;
    else if (take(pattern, '+'))
      field.plus = true;
    else if (take(pattern, '0'))
      zero = true;
    else if (!take(pattern, ' ') && !take(pattern, '#'))
      break;
  }
  field.width = take_number(pattern);
  if (take(pattern, '.')) field.precision = take_number(pattern);
  if (pattern.empty()) throw Fault("incomplete format");
  const char type = pattern.front();
  pattern.remove_prefix(1);
  if (type == '%') return out.add("%");
  if (std::string_view("srdixfeg").find(type) == std::string_view::npos)
    throw Fault(fmt::format("the conversion %{} is not supported", type));
  if (value == nullptr) value = &values.take();
  if (left)
    field.align = '<';
  else if (zero && type != 's' && type != 'r')
    field.align = '=', field.fill = "0";
  if (type == 's' || type == 'r') {
    const std::string text = type == 's' ? str(runtime, *value) : repr(runtime, *value);
    return add_padded(out, field, cut(field, text), '>');
  }
  field.type = type == 'i' ? 'd' : type;
  check(field, true);
  add_padded(out, field, number_text(field, *value), '>');
}

Field parse_field(std::string_view text) {
  Field field;
  std::string_view rest = text;
  constexpr std::string_view kAligns = "<>^=";
  if (!rest.empty()) {
    std::string_view after = rest;
    take_character(after);
    if (!after.empty() && kAligns.find(after.front()) != kAligns.npos) {
      field.fill = rest.substr(0, rest.size() - after.size());
      rest = after;
    }
    if (!rest.empty() && kAligns.find(rest.front()) != kAligns.npos) {
      field.align = rest.front();
      rest.remove_prefix(1);
    }
  }
  if (!take(rest, '-')) field.plus = take(rest, '+');
  if (take(rest, '0') && field.align == 0) field.align = '=', field.fill = "0";
  field.width = take_number(rest);
  if (take(rest, '.')) field.precision = take_number(rest);
  if (!rest.empty()) {
    field.type = rest.front();
    rest.remove_prefix(1);
  }
  if (!rest.empty() || std::string_view("\0sdxfeg%", 8).find(field.type) == std::string_view::npos)
    throw Fault(fmt::format("the format specification '{}' is not supported", text));
  return field;
}

void add_formatted(Runtime& runtime, Builder& out, const Value& value, std::string_view spec) {
  if (spec.empty()) return out.add(str(runtime, value));
  Field field = parse_field(spec);
  const bool number = as_number(value).has_value() && !value.is(Kind::kBoolean);
  if (field.type == 0 && value.is(Kind::kInteger)) field.type = 'd';
  check(field, number);
  if (field.type == 's' || (field.type == 0 && !number)) {
    if (!value.is(Kind::kText))
      throw Fault(
          fmt::format("unsupported format string passed to {}.__format__", type_name(value)));
    return add_padded(out, field, cut(field, value.str()), '<');
  }
  if (field.type == 0 && field.precision < 0)
    return add_padded(out, field, float_text(*as_number(value)), '>');
  if (field.type == 0) field.type = 'g';
  add_padded(out, field, number_text(field, value), '>');
}

/// The value that "0.role[0]" names.
Value field_value(Runtime& runtime, std::string_view name, const Arguments& arguments,
                  size_t& next) {
  runtime.find(name, arguments.named.size());
  const size_t end = std::min(name.find_first_of(".["), name.size());
  std::string_view first = name.substr(0, end), rest = name.substr(end);
  Value value;
  const bool digits = first.find_first_not_of("0123456789") == first.npos;
  if (digits) {
    const size_t place = first.empty() ? next++ : static_cast<size_t>(take_number(first));
    if (place >= arguments.positional.size())
      throw Fault("Replacement index out of range for positional args tuple");
    value = arguments.positional[place];
  } else {
    const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [first](const auto& one) { return one.first == first; });
    if (found == arguments.named.end())
      throw Fault(fmt::format("no value named '{}' to format", first));
    value = found->second;
  }
  while (!rest.empty()) {
    const bool is_item = rest.front() == '[';
    rest.remove_prefix(1);
    const size_t stop = is_item ? rest.find(']') : std::min(rest.find_first_of(".["), rest.size());
    if (stop == rest.npos) throw Fault("Missing ']' in format string");
    std::string_view key = rest.substr(0, stop);
    rest.remove_prefix(stop + (is_item ? 1 : 0));
    const bool whole = !key.empty() && key.find_first_not_of("0123456789") == key.npos;
    if (!is_item)
      value = attribute(runtime, value, key);
    else
      value = item(runtime, value, whole ? Value(take_number(key)) : Value::text(std::string(key)));
  }
  return value;
}

}  // namespace

Value format_percent(Runtime& runtime, const Value& pattern, const Value& values) {
  if (pattern.is_markup()) throw Fault("% of a text marked safe is not supported");
  Builder out(runtime);
  Values taken(values);
  std::string_view rest = pattern.str();
  while (!rest.empty()) {
    runtime.step();
    const size_t plain = std::min(rest.find('%'), rest.size());
    out.add(rest.substr(0, plain));
    rest.remove_prefix(plain);
    if (take(rest, '%')) add_conversion(runtime, out, rest, taken);
  }
  taken.check_used();
  return out.take();
}

Value format_braces(Runtime& runtime, std::string_view pattern, const Arguments& arguments) {
  Builder out(runtime);
  size_t next = 0;
  while (!pattern.empty()) {
    runtime.step();
    const size_t plain = std::min(pattern.find_first_of("{}"), pattern.size());
    out.add(pattern.substr(0, plain));
    pattern.remove_prefix(plain);
    if (pattern.empty()) break;
    const char brace = pattern.front();
    pattern.remove_prefix(1);
    if (take(pattern, brace)) {
      out.add({&brace, 1});
      continue;
    }
    const size_t end = pattern.find('}');
    if (brace == '}') throw Fault("Single '}' encountered in format string");
    if (end == pattern.npos) throw Fault("Single '{' encountered in format string");
    std::string_view field = pattern.substr(0, end), spec;
    pattern.remove_prefix(end + 1);
    if (field.find('{') != field.npos)
      throw Fault("a field within the field of a format string is not supported");
    if (const size_t colon = field.find(':'); colon != field.npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    const bool shown = field.ends_with("!r");
    if (shown || field.ends_with("!s")) field.remove_suffix(2);
    const Value value = field_value(runtime, field, arguments, next);
    if (shown)
      add_formatted(runtime, out, Value::text(repr(runtime, value)), spec);
    else
      add_formatted(runtime, out, value, spec);
  }
  return out.take();
}

}  // namespace thespis::model::chat
