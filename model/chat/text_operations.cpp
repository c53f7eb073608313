#include "model/chat/text_operations.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/chat/operators.hpp"

namespace thespis::model::chat {
namespace {

/// Every position between characters, at both ends too.
Value insert_everywhere(Runtime& runtime, std::string_view text, std::string_view by,
                        int64_t count) {
  Builder out(runtime);
  while (count != 0) {
    runtime.step();
    out.add(by);
    --count;
    if (text.empty()) return out.take();
    const std::string_view at = text;
    take_character(text);
    out.add(at.substr(0, at.size() - text.size()));
  }
  out.add(text);
  return out.take();
}

/// Each piece costs a step, so that a list of them is paid for before it grows.
void keep(Runtime& runtime, std::vector<std::string_view>& parts, std::string_view part) {
  runtime.step();
  runtime.make(sizeof part);
  parts.push_back(part);
}

}  // namespace

Value replace(Runtime& runtime, std::string_view text, std::string_view old, std::string_view by,
              int64_t count) {
  if (old.empty()) return insert_everywhere(runtime, text, by, count);
  Builder out(runtime);
  for (size_t at = find_part(text, old); at != text.npos && count != 0; at = find_part(text, old)) {
    runtime.step();
    out.add(text.substr(0, at));
    out.add(by);
    text.remove_prefix(at + old.size());
    --count;
  }
  out.add(text);
  return out.take();
}

std::vector<std::string_view> split_lines(Runtime& runtime, std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view begin = rest;
    size_t size = 0, ending = 0;
    while (!rest.empty() && ending == 0) {
      size = begin.size() - rest.size();
      const char32_t c = take_character(rest);
      if (is_line_end(c)) {
        if (c == U'\r' && rest.starts_with('\n')) rest.remove_prefix(1);
        ending = begin.size() - rest.size() - size;
      }
    }
    if (ending == 0) size = begin.size();
    keep(runtime, lines, begin.substr(0, keep_ends ? size + ending : size));
  }
  return lines;
}

std::vector<std::string_view> split_blanks(Runtime& runtime, std::string_view text, int64_t most,
                                           Ends from) {
  std::vector<std::string_view> parts;
  if (from == Ends::kRight) {
    for (text = strip(text, Ends::kRight); !text.empty(); text = strip(text, Ends::kRight)) {
      if (most-- == 0) {
        keep(runtime, parts, text);
        break;
      }
      std::string_view rest = text, before = text;
      while (!rest.empty() && !is_space(take_last_character(rest))) before = rest;
      keep(runtime, parts, text.substr(before.size()));
      text = before;
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
  }
  for (text = strip(text, Ends::kLeft); !text.empty(); text = strip(text, Ends::kLeft)) {
    if (most-- == 0) {
      keep(runtime, parts, text);
      break;
    }
    std::string_view rest = text, after = text;
    while (!rest.empty() && !is_space(take_character(rest))) after = rest;
    keep(runtime, parts, text.substr(0, text.size() - after.size()));
    text = after;
  }
  return parts;
}

std::vector<std::string_view> split_at(Runtime& runtime, std::string_view text,
                                       std::string_view separator, int64_t most, Ends from) {
  std::vector<std::string_view> parts;
  std::vector<size_t> places;
  for (size_t at = find_part(text, separator); at != text.npos;
       at = find_part(text, separator, at + separator.size())) {
    if (from == Ends::kLeft && most >= 0 && places.size() == static_cast<size_t>(most)) break;
    runtime.step();
    runtime.make(sizeof at);
    places.push_back(at);
  }
  if (from == Ends::kRight && most >= 0) {
    // From the right, separators that overlap fall otherwise; found in the mirror, in linear time.
    places.clear();
    const std::string mirrored(text.rbegin(), text.rend());
    const std::string part(separator.rbegin(), separator.rend());
    for (size_t at = find_part(mirrored, part);
         at != std::string::npos && places.size() < static_cast<size_t>(most);
         at = find_part(mirrored, part, at + part.size())) {
      runtime.step();
      runtime.make(sizeof at);
      places.push_back(text.size() - at - part.size());
    }
    std::reverse(places.begin(), places.end());
  }
  size_t begin = 0;
  for (const size_t place : places) {
    keep(runtime, parts, text.substr(begin, place - begin));
    begin = place + separator.size();
  }
  keep(runtime, parts, text.substr(begin));
  return parts;
}

size_t find_last(std::string_view text, std::string_view part) {
  const std::string mirrored(text.rbegin(), text.rend()), other(part.rbegin(), part.rend());
  const size_t at = find_part(mirrored, other);
  return at == text.npos ? at : text.size() - at - part.size();
}

Value list_of(Runtime& runtime, const std::vector<std::string_view>& texts) {
  Items items;
  for (const std::string_view text : texts) items.push_back(runtime.text(std::string(text)));
  return runtime.list(std::move(items));
}

Value strip_set(Runtime& runtime, std::string_view text, Ends ends, const Value& set) {
  if (set.is(Kind::kNone)) return runtime.text(std::string(strip(text, ends)));
  constexpr size_t kSetBytesMax = 1024;
  const std::string& characters = text_of(set, "strip arg must be None or str");
  if (characters.size() > kSetBytesMax)
    throw Fault(fmt::format("strip with a set of more than {} bytes", kSetBytesMax));
  runtime.read(characters.size() * text.size());
  return runtime.text(std::string(strip(text, ends, characters)));
}

Value pad(Runtime& runtime, std::string_view text, int64_t width, std::string_view fill,
          Ends ends) {
  if (character_count(fill) != 1)
    throw Fault("The fill character must be exactly one character long");
  const int64_t missing = width - static_cast<int64_t>(character_count(text));
  int64_t left = ends == Ends::kLeft ? missing : 0;
  // CPython's choice where the fill cannot be the same on both sides.
  if (ends == Ends::kBoth && missing > 0) left = missing / 2 + (missing & width & 1);
  Builder out(runtime);
  out.add(fill, left);
  out.add(text);
  out.add(fill, missing - left);
  return out.take();
}

std::string escaped(Runtime& runtime, std::string_view text) {
  constexpr std::string_view kCharacters = "&<>'\"";
  constexpr std::string_view kEscapes[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  Builder out(runtime);
  for (const char& c : text) {
    const size_t place = kCharacters.find(c);
    out.add(place == kCharacters.npos ? std::string_view(&c, 1) : kEscapes[place]);
  }
  return out.take_string();
}

const std::string& text_of(const Value& value, std::string_view what) {
  if (!value.is(Kind::kText)) throw Fault(fmt::format("{}, not {}", what, type_name(value)));
  return value.str();
}

int64_t integer_of(const Value& value, std::string_view what) {
  const auto number = as_integer(value);
  if (!number)
    throw Fault(fmt::format("{} must be a whole number, not {}", what, type_name(value)));
  return *number;
}

}  // namespace thespis::model::chat
