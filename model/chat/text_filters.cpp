// Filters of texts.

#include <algorithm>

#include "model/chat/filters.hpp"
#include "model/chat/format.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"
#include "model/chat/text_operations.hpp"

namespace thespis::model::chat {
namespace {

Value upper(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("upper", std::move(arguments), {});
  return runtime.text(to_upper(str(runtime, input)));
}

Value lower(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("lower", std::move(arguments), {});
  return runtime.text(to_lower(str(runtime, input)));
}

Value capitalize(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("capitalize", std::move(arguments), {});
  return runtime.text(capitalized(str(runtime, input)));
}

/// Words begin behind blanks and - ( { [ <, otherwise than for the method of that name.
Value title(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("title", std::move(arguments), {});
  const std::string text = str(runtime, input);
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view begin = rest;
    std::string_view word_end = rest;
    const auto separates = [](char32_t c) {
      return is_space(c) || std::u32string_view(U"-({[<").find(c) != std::u32string_view::npos;
    };
    while (!rest.empty() && !separates(take_character(rest))) word_end = rest;
    const std::string_view word = begin.substr(0, begin.size() - word_end.size());
    if (!word.empty()) {
      const size_t first = bytes_of(word, 1);
      out += to_upper(word.substr(0, first)) + to_lower(word.substr(first));
    }
    out += word_end.substr(0, word_end.size() - rest.size());
  }
  return runtime.text(std::move(out));
}

Value trim(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<1>("trim", std::move(arguments), {"chars"});
  const Value text =
      strip_set(runtime, str(runtime, input), Ends::kBoth, p.or_else(0, Value::none()));
  return input.is_markup() ? text.as_markup() : text;
}

Value replace_filter(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<3>("replace", std::move(arguments), {"old", "new", "count"}, 2);
  const bool all = !p.given[2] || p[2].is(Kind::kNone);
  return replace(runtime, str(runtime, input), str(runtime, p[0]), str(runtime, p[1]),
                 all ? -1 : integer_of(p[2], "the count of replace"));
}

Value escape(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("escape", std::move(arguments), {});
  if (input.is_markup()) return input;
  return runtime.text(escaped(runtime, str(runtime, input))).as_markup();
}

Value safe(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("safe", std::move(arguments), {});
  return runtime.text(str(runtime, input)).as_markup();
}

Value to_text(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("string", std::move(arguments), {});
  return input.is(Kind::kText) ? input : runtime.text(str(runtime, input));
}

Value indent(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<3>("indent", std::move(arguments), {"width", "first", "blank"});
  const std::string& text = text_of(input, "indent expects a str");
  const Value width = p.or_else(0, Value(int64_t{4}));
  Builder indention(runtime);
  if (width.is(Kind::kText))
    indention.add(width.str());
  else
    indention.add(" ", integer_of(width, "the width of indent"));
  const bool first = truth(p[1]), blank = truth(p[2]);
  Builder out(runtime);
  if (first) out.add(indention.text());
  const std::string whole = text + "\n";  // So that a line end at the end gives one more line.
  bool begins = true;
  for (const std::string_view line : split_lines(runtime, whole, false)) {
    if (!begins) {
      out.add("\n");
      if (blank || !line.empty()) out.add(indention.text());
    }
    out.add(line);
    begins = false;
  }
  return out.take();
}

Value center(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p = bind<1>("center", std::move(arguments), {"width"});
  return pad(runtime, str(runtime, input),
             p.given[0] ? integer_of(p[0], "the width of center") : 80, " ", Ends::kBoth);
}

Value truncate(Runtime& runtime, const Value& input, Arguments arguments) {
  const auto p =
      bind<4>("truncate", std::move(arguments), {"length", "killwords", "end", "leeway"});
  const std::string& text = text_of(input, "truncate expects a str");
  const int64_t length = p.given[0] ? integer_of(p[0], "the length of truncate") : 255;
  const std::string end = p.given[2] ? text_of(p[2], "the end of truncate is a str") : "...";
  const bool leeway_given = p.given[3] && !p[3].is(Kind::kNone);
  const int64_t leeway = leeway_given ? integer_of(p[3], "the leeway of truncate") : 5;
  const auto end_size = static_cast<int64_t>(character_count(end));
  if (length < end_size)
    throw Fault(fmt::format("expected length >= {}, got {}", end_size, length));
  if (leeway < 0) throw Fault(fmt::format("expected leeway >= 0, got {}", leeway));
  const auto size = static_cast<int64_t>(character_count(text));
  if (size <= length || size - length <= leeway) return input;
  std::string_view kept =
      std::string_view(text).substr(0, bytes_of(text, static_cast<size_t>(length - end_size)));
  if (!truth(p[1])) kept = kept.substr(0, kept.rfind(' '));
  return runtime.text(std::string(kept) + end);
}

Value wordcount(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("wordcount", std::move(arguments), {});
  const std::string text = str(runtime, input);
  int64_t count = 0;
  bool within = false;
  for (std::string_view rest = text; !rest.empty();) {
    const char32_t c = take_character(rest);
    const bool word = is_letter(c) || is_digit(c) || c == U'_';
    count += word && !within;
    within = word;
  }
  return Value(count);
}

Value urlencode(Runtime& runtime, const Value& input, Arguments arguments) {
  bind<0>("urlencode", std::move(arguments), {});
  if (input.is(Kind::kDict) || input.is(Kind::kSequence) || input.is(Kind::kGenerator))
    throw Fault("the filter `urlencode` of several values is not supported");
  const std::string text = str(runtime, input);
  Builder out(runtime);
  for (const char& c : text) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("_.-~/").find(c) != std::string_view::npos;
    if (safe)
      out.add({&c, 1});
    else
      out.add(fmt::format("%{:02X}", static_cast<unsigned char>(c)));
  }
  return out.take();
}

Value format(Runtime& runtime, const Value& input, Arguments arguments) {
  const std::string pattern = str(runtime, input);
  if (!arguments.named.empty()) {
    if (!arguments.positional.empty())
      throw Fault("format can't handle positional and keyword arguments at the same time");
    Dict values;
    for (auto& [name, value] : arguments.named)
      runtime.set(values, runtime.text(name), std::move(value));
    return format_percent(runtime, Value::text(pattern), runtime.dict(std::move(values)));
  }
  return format_percent(runtime, Value::text(pattern),
                        runtime.tuple(std::move(arguments.positional)));
}

}  // namespace

const std::vector<FilterEntry>& text_filters() {
  static const std::vector<FilterEntry> kEntries = {
      {"upper", upper},
      {"lower", lower},
      {"capitalize", capitalize},
      {"title", title},
      {"trim", trim},
      {"replace", replace_filter},
      {"escape", escape},
      {"e", escape},
      {"string", to_text},
      {"safe", safe},
      {"indent", indent},
      {"center", center},
      {"truncate", truncate},
      {"wordcount", wordcount},
      {"urlencode", urlencode},
      {"format", format},
  };
  return kEntries;
}

}  // namespace thespis::model::chat
