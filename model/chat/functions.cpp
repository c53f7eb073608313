#include "model/chat/functions.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"

namespace thespis::model::chat {
namespace {

constexpr int64_t kRangeMax = 100'000;  // That of Jinja2's sandbox.

Value make_range(Runtime& runtime, Arguments arguments) {
  if (arguments.positional.empty() || arguments.positional.size() > 3 || !arguments.named.empty())
    throw Fault(
        fmt::format("range expected 1 to 3 arguments, got {}", arguments.positional.size()));
  int64_t bounds[3] = {0, 0, 1};
  const size_t first = arguments.positional.size() == 1 ? 1 : 0;
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    const auto number = as_integer(arguments.positional[i]);
    if (!number)
      throw Fault(fmt::format("'{}' object cannot be interpreted as an integer",
                              type_name(arguments.positional[i])));
    bounds[first + i] = *number;
  }
  const auto [start, stop, step] = bounds;
  if (step == 0) throw Fault("range() arg 3 must not be zero");
  Items items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == kRangeMax)
      throw Fault(fmt::format(
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kRangeMax));
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return runtime.sequence(SequenceType::kRange, std::move(items));
}

/// The entries of dict(mapping or pairs, name=value, ...).
Dict make_dict(Runtime& runtime, std::string_view function, Arguments arguments) {
  Dict dict;
  if (arguments.positional.size() > 1)
    throw Fault(fmt::format("{} expected at most 1 argument, got {}", function,
                            arguments.positional.size()));
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional[0];
    if (from.dict() != nullptr) {
      for (const auto& [key, value] : from.dict()->entries) runtime.set(dict, key, value);
    } else {
      for (const Value& pair : iterate(runtime, from)) {
        const Items two = iterate(runtime, pair);
        if (two.size() != 2)
          throw Fault("a dict is made from pairs, but an element has another length");
        check_key(two[0]);
        runtime.set(dict, two[0], two[1]);
      }
    }
  }
  for (auto& [name, value] : arguments.named)
    runtime.set(dict, runtime.text(name), std::move(value));
  return dict;
}

Value make_namespace(Runtime& runtime, Arguments arguments) {
  const Dict dict = make_dict(runtime, "Namespace", std::move(arguments));
  Namespace* made = runtime.make_namespace();
  for (const auto& [key, value] : dict.entries)
    made->attributes.emplace_back(str(runtime, key), value);
  return Value(made);
}

/// strftime's conversions, in the C locale, whatever the program's.
std::string time_field(const std::tm& t, char conversion) {
  constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
  constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
  const auto day = std::string(kDays[t.tm_wday]), month = std::string(kMonths[t.tm_mon]);
  const int hour = t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12;
  switch (conversion) {
    case 'a':
      return day.substr(0, 3);
    case 'A':
      return day;
    case 'b':
    case 'h':
      return month.substr(0, 3);
    case 'B':
      return month;
    case 'd':
      return fmt::format("{:02}", t.tm_mday);
    case 'e':
      return fmt::format("{:2}", t.tm_mday);
    case 'm':
      return fmt::format("{:02}", t.tm_mon + 1);
    case 'y':
      return fmt::format("{:02}", t.tm_year % 100);
    case 'Y':
      return fmt::format("{}", t.tm_year + 1900);
    case 'H':
      return fmt::format("{:02}", t.tm_hour);
    case 'I':
      return fmt::format("{:02}", hour);
    case 'M':
      return fmt::format("{:02}", t.tm_min);
    case 'S':
      return fmt::format("{:02}", t.tm_sec);
    case 'p':
      return t.tm_hour < 12 ? "AM" : "PM";
    case 'j':
      return fmt::format("{:03}", t.tm_yday + 1);
    case 'w':
      return fmt::format("{}", t.tm_wday);
    case 'u':
      return fmt::format("{}", t.tm_wday == 0 ? 7 : t.tm_wday);
    case 'f':
      return "000000";
    case 'Z':
    case 'z':
      return "";  // As Python has it for a time without a zone.
    case 'n':
      return "\n";
    case 't':
      return "\t";
    case '%':
      return "%";
    default:
      throw Fault(fmt::format("the conversion %{} of strftime_now is not supported", conversion));
  }
}

std::string formatted(const std::tm& t, std::string_view format) {
  constexpr std::pair<char, std::string_view> kLong[] = {{'D', "%m/%d/%y"},
                                                         {'F', "%Y-%m-%d"},
                                                         {'R', "%H:%M"},
                                                         {'T', "%H:%M:%S"},
                                                         {'x', "%m/%d/%y"},
                                                         {'X', "%H:%M:%S"},
                                                         {'c', "%a %b %e %H:%M:%S %Y"}};
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    char conversion = format[++i];
    if (conversion == '-' && i + 1 < format.size()) {  // Glibc's: without the leading zero.
      const std::string field = time_field(t, format[++i]);
      out += field.substr(std::min(field.find_first_not_of("0 "), field.size() - 1));
      continue;
    }
    const auto* found = std::find_if(std::begin(kLong), std::end(kLong),
                                     [conversion](auto& one) { return one.first == conversion; });
    out += found != std::end(kLong) ? formatted(t, found->second) : time_field(t, conversion);
  }
  return out;
}

}  // namespace

std::optional<Function> find_function(std::string_view name, const Runtime& runtime) {
  if (name == "range") return Function::kRange;
  if (name == "dict") return Function::kDict;
  if (name == "namespace") return Function::kNamespace;
  if (name == "raise_exception") return Function::kRaiseException;
  if (name == "strftime_now" && runtime.now()) return Function::kStrftimeNow;
  return std::nullopt;
}

Value call_function(Runtime& runtime, Function function, Arguments arguments) {
  pay(runtime, Value(), arguments);
  switch (function) {
    case Function::kRange:
      return make_range(runtime, std::move(arguments));
    case Function::kDict:
      return runtime.dict(make_dict(runtime, "dict", std::move(arguments)));
    case Function::kNamespace:
      return make_namespace(runtime, std::move(arguments));
    case Function::kRaiseException: {
      const auto p = bind<1>("raise_exception", std::move(arguments), {"message"}, 1);
      throw RaisedByTemplate(str(runtime, p[0]));
    }
    case Function::kStrftimeNow:
      break;
  }
  const auto p = bind<1>("strftime_now", std::move(arguments), {"format"}, 1);
  if (!p[0].is(Kind::kText)) throw Fault("strftime_now expects a format, as a text");
  constexpr size_t kFormatBytesMax = 1 << 16;
  if (p[0].str().size() > kFormatBytesMax)
    throw Fault(fmt::format("the format of strftime_now has more than {} bytes", kFormatBytesMax));
  runtime.step(p[0].str().size());
  return runtime.text(formatted(*runtime.now(), p[0].str()));
}

std::tm parse_time(std::string_view text) {
  const auto refuse = [text]() -> InputError {
    return InputError(fmt::format(
        "\"{}\" is not a date; expected one like 2025-01-31 or 2025-01-31T12:34:56", text));
  };
  if (text.size() != 10 && text.size() != 19) throw refuse();
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    const bool fits = kShape[i] == 'd'   ? digit
                      : kShape[i] == 'T' ? text[i] == 'T' || text[i] == ' '
                                         : text[i] == kShape[i];
    if (!fits) throw refuse();
  }
  const auto number = [text](size_t at, size_t size) {
    int value = 0;
    if (at < text.size()) std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  using namespace std::chrono;
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  std::tm t{};
  t.tm_hour = number(11, 2);
  t.tm_min = number(14, 2);
  t.tm_sec = number(17, 2);
  if (!date.ok() || t.tm_hour > 23 || t.tm_min > 59 || t.tm_sec > 59) throw refuse();
  t.tm_year = number(0, 4) - 1900;
  t.tm_mon = number(5, 2) - 1;
  t.tm_mday = number(8, 2);
  const sys_days days(date);
  t.tm_wday = static_cast<int>(weekday(days).c_encoding());
  t.tm_yday = static_cast<int>((days - sys_days(date.year() / January / 1)).count());
  return t;
}

}  // namespace thespis::model::chat
