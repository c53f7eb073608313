// The methods of str.

#include <algorithm>

#include "model/chat/format.hpp"
#include "model/chat/method_tables.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"
#include "model/chat/text_operations.hpp"

namespace thespis::model::chat {
namespace {

template <std::string (*change)(std::string_view)>
Value changed(Runtime& runtime, const Value& self, Arguments arguments) {
  bind<0>("the method", std::move(arguments), {});
  return runtime.text(change(self.str()));
}

std::string swapped_case(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view at = text;
    const char32_t c = take_character(text);
    const std::string_view one = at.substr(0, at.size() - text.size());
    out += is_upper(c) ? to_lower(one) : to_upper(one);
  }
  return out;
}

template <Ends ends>
Value strip_method(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("strip", std::move(arguments), {"chars"});
  const Value text = strip_set(runtime, self.str(), ends, p.or_else(0, Value::none()));
  return self.is_markup() ? text.as_markup() : text;
}

template <Ends from>
Value split(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<2>("split", std::move(arguments), {"sep", "maxsplit"});
  const int64_t most = p.given[1] ? integer_of(p[1], "maxsplit") : -1;
  if (!p.given[0] || p[0].is(Kind::kNone))
    return list_of(runtime, split_blanks(runtime, self.str(), most, from));
  const std::string& separator = text_of(p[0], "must be str or None");
  if (separator.empty()) throw Fault("empty separator");
  return list_of(runtime, split_at(runtime, self.str(), separator, most, from));
}

Value splitlines(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("splitlines", std::move(arguments), {"keepends"});
  return list_of(runtime, split_lines(runtime, self.str(), truth(p[0])));
}

Value replace_method(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<3>("replace", std::move(arguments), {"old", "new", "count"}, 2);
  return replace(runtime, self.str(), text_of(p[0], "replace() argument 1 must be str"),
                 text_of(p[1], "replace() argument 2 must be str"),
                 p.given[2] ? integer_of(p[2], "the count of replace") : -1);
}

/// The part of `text` between two places, which count as in slices.
struct Part {
  std::string_view text;
  int64_t start = 0;    ///< Characters before it.
  bool beyond = false;  ///< It would begin after the end: not even an empty text is in it.
};
Part part_of(std::string_view text, const Value& start, const Value& stop) {
  const auto size = static_cast<int64_t>(character_count(text));
  const auto place = [size](const Value& value, int64_t absent) {
    if (value.is(Kind::kUndefined) || value.is(Kind::kNone)) return absent;
    const int64_t at = integer_of(value, "a place in a text");
    return at < 0 ? std::max<int64_t>(at < -size ? 0 : at + size, 0) : at;
  };
  const int64_t begin = place(start, 0), end = std::min(place(stop, size), size);
  if (begin > end) return {{}, begin, true};
  const size_t first = bytes_of(text, static_cast<size_t>(begin));
  const std::string_view rest = text.substr(first);
  return {rest.substr(0, bytes_of(rest, static_cast<size_t>(end - begin))), begin, false};
}

template <bool at_end>
Value affix(Runtime& runtime, const Value& self, Arguments arguments) {
  constexpr std::string_view kName = at_end ? "endswith" : "startswith";
  const auto p = bind<3>(kName, std::move(arguments), {"prefix", "start", "end"}, 1);
  const Part part = part_of(self.str(), p[1], p[2]);
  const auto fits = [&](const Value& value) {
    const std::string& text =
        text_of(value, fmt::format("{} first arg must be str or a tuple of str", kName));
    if (part.beyond) return false;
    runtime.read(value);
    return at_end ? part.text.ends_with(text) : part.text.starts_with(text);
  };
  const Sequence* tuple = p[0].sequence();
  if (tuple == nullptr || tuple->type != SequenceType::kTuple) return Value(fits(p[0]));
  runtime.step(tuple->items.size());
  return Value(std::any_of(tuple->items.begin(), tuple->items.end(), fits));
}

template <bool from_end, bool must>
Value find_method_of(Runtime&, const Value& self, Arguments arguments) {
  const auto p = bind<3>(must ? "index" : "find", std::move(arguments), {"sub", "start", "end"}, 1);
  const Part part = part_of(self.str(), p[1], p[2]);
  const std::string& wanted = text_of(p[0], "must be str");
  const size_t at = part.beyond ? std::string_view::npos
                    : from_end  ? find_last(part.text, wanted)
                                : find_part(part.text, wanted);
  if (at != std::string_view::npos)
    return Value(part.start + static_cast<int64_t>(character_count(part.text.substr(0, at))));
  if (must) throw Fault("substring not found");
  return Value(int64_t{-1});
}

Value count(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<3>("count", std::move(arguments), {"sub", "start", "end"}, 1);
  const Part part = part_of(self.str(), p[1], p[2]);
  const std::string& wanted = text_of(p[0], "must be str");
  if (part.beyond) return Value(int64_t{0});
  if (wanted.empty()) return Value(static_cast<int64_t>(character_count(part.text)) + 1);
  int64_t found = 0;
  for (size_t at = find_part(part.text, wanted); at != part.text.npos;
       at = find_part(part.text, wanted, at + wanted.size())) {
    runtime.step();
    ++found;
  }
  return Value(found);
}

Value join_method(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("join", std::move(arguments), {"iterable"}, 1);
  if (self.is_markup()) throw Fault("join of a text marked safe is not supported");
  Builder out(runtime);
  bool begins = true;
  for (const Value& one : iterate(runtime, p[0])) {
    if (!begins) out.add(self.str());
    begins = false;
    out.add(text_of(one, "sequence item: expected str instance"));
  }
  return out.take();
}

Value removeprefix(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("removeprefix", std::move(arguments), {"prefix"}, 1);
  const std::string& prefix = text_of(p[0], "removeprefix() argument must be str");
  if (!self.str().starts_with(prefix)) return self;
  return runtime.text(self.str().substr(prefix.size()));
}

Value removesuffix(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("removesuffix", std::move(arguments), {"suffix"}, 1);
  const std::string& suffix = text_of(p[0], "removesuffix() argument must be str");
  if (!self.str().ends_with(suffix)) return self;
  return runtime.text(self.str().substr(0, self.str().size() - suffix.size()));
}

template <bool from_end>
Value partition(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("partition", std::move(arguments), {"sep"}, 1);
  const std::string& separator = text_of(p[0], "must be str");
  if (separator.empty()) throw Fault("empty separator");
  const std::string& text = self.str();
  const size_t at = from_end ? find_last(text, separator) : find_part(text, separator);
  const Value none = runtime.text("");
  if (at == text.npos)
    return from_end ? runtime.tuple({none, none, self}) : runtime.tuple({self, none, none});
  return runtime.tuple(
      {runtime.text(text.substr(0, at)), p[0], runtime.text(text.substr(at + separator.size()))});
}

template <Ends ends>
Value pad_method(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<2>("center", std::move(arguments), {"width", "fillchar"}, 1);
  return pad(runtime, self.str(), integer_of(p[0], "the width"),
             p.given[1] ? text_of(p[1], "The fill character must be a str") : " ", ends);
}

Value zfill(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("zfill", std::move(arguments), {"width"}, 1);
  const std::string& text = self.str();
  const bool sign = text.starts_with('-') || text.starts_with('+');
  Builder out(runtime);
  if (sign) out.add(text.substr(0, 1));
  out.add("0", integer_of(p[0], "the width") - static_cast<int64_t>(character_count(text)));
  out.add(std::string_view(text).substr(sign ? 1 : 0));
  return out.take();
}

bool is_letter_or_digit(char32_t c) {
  return is_letter(c) || is_numeric(c);
}

/// str.isalpha() and its like: there is a character, and all are of that kind.
template <bool (*rule)(char32_t)>
Value all_are(Runtime&, const Value& self, Arguments arguments) {
  bind<0>("the method", std::move(arguments), {});
  std::string_view rest = self.str();
  bool all = !rest.empty();
  while (all && !rest.empty()) all = rule(take_character(rest));
  return Value(all);
}

/// str.isupper() and str.islower(): there is such a letter, and none of the other case.
template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Value has_case(Runtime&, const Value& self, Arguments arguments) {
  bind<0>("the method", std::move(arguments), {});
  bool any = false, all = true;
  for (std::string_view rest = self.str(); !rest.empty();) {
    const char32_t c = take_character(rest);
    any = any || wanted(c);
    all = all && !other(c);
  }
  return Value(any && all);
}

Value format_method(Runtime& runtime, const Value& self, Arguments arguments) {
  if (self.is_markup()) throw Fault("format of a text marked safe is not supported");
  return format_braces(runtime, self.str(), arguments);
}

}  // namespace

const std::vector<MethodEntry>& text_methods() {
  static const std::vector<MethodEntry> kEntries = {
      {"strip", strip_method<Ends::kBoth>},
      {"lstrip", strip_method<Ends::kLeft>},
      {"rstrip", strip_method<Ends::kRight>},
      {"split", split<Ends::kLeft>},
      {"rsplit", split<Ends::kRight>},
      {"splitlines", splitlines},
      {"replace", replace_method},
      {"startswith", affix<false>},
      {"endswith", affix<true>},
      {"find", find_method_of<false, false>},
      {"rfind", find_method_of<true, false>},
      {"index", find_method_of<false, true>},
      {"rindex", find_method_of<true, true>},
      {"count", count},
      {"join", join_method},
      {"upper", changed<to_upper>},
      {"lower", changed<to_lower>},
      {"casefold", nullptr},
      {"title", changed<to_title>},
      {"capitalize", changed<capitalized>},
      {"swapcase", changed<swapped_case>},
      {"removeprefix", removeprefix},
      {"removesuffix", removesuffix},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"center", pad_method<Ends::kBoth>},
      {"ljust", pad_method<Ends::kRight>},
      {"rjust", pad_method<Ends::kLeft>},
      {"zfill", zfill},
      {"isalpha", all_are<is_letter>},
      {"isdigit", all_are<is_digit>},
      {"isdecimal", all_are<is_digit>},
      {"isnumeric", all_are<is_numeric>},
      {"isalnum", all_are<is_letter_or_digit>},
      {"isspace", all_are<is_space>},
      {"isupper", has_case<is_upper, is_lower>},
      {"islower", has_case<is_lower, is_upper>},
      {"format", format_method},
      {"format_map", nullptr},
      {"encode", nullptr},
      {"expandtabs", nullptr},
      {"isascii", nullptr},
      {"isidentifier", nullptr},
      {"isprintable", nullptr},
      {"istitle", nullptr},
      {"maketrans", nullptr},
      {"translate", nullptr},
  };
  return kEntries;
}

}  // namespace thespis::model::chat
