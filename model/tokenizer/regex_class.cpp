#include "model/tokenizer/regex_class.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace thespis::model {

RegexClass RegexClass::of_range(uint32_t first, uint32_t last) {
  if (first == last) return of_items(fmt::format("\\x{{{:x}}}", first));
  return of_items(fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", first, last));
}

RegexClass RegexClass::white_space() {
  // Not PCRE2's own \s, which adds U+180E. Written out, since ranges are faster than the property.
  return of_items(
      "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
      "\\x{205f}\\x{3000}");
}

RegexClass RegexClass::word(bool in_brackets) {
  return of_items(std::string("\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}") +
                  (in_brackets ? "" : "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"));
}

RegexClass RegexClass::property(std::string_view name, bool negated) {
  constexpr std::array<std::string_view, 39> kCategories = {
      "L",  "Ll", "Lm", "Lo", "Lt", "Lu",         "M",           "Mc",  "Me", "Mn",
      "N",  "Nd", "Nl", "No", "P",  "Pc",         "Pd",          "Pe",  "Pf", "Pi",
      "Po", "Ps", "S",  "Sc", "Sk", "Sm",         "So",          "Z",   "Zl", "Zp",
      "Zs", "C",  "Cc", "Cf", "Co", "Alphabetic", "White_Space", "Any", "Cn"};
  const bool known = std::ranges::find(kCategories, name) != kCategories.end();
  // PCRE2 takes a script's bare name for its Script_Extensions.
  return of_items(fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', known ? "" : "sc:", name));
}

void RegexClass::unite(const RegexClass& other) {
  items_ += other.items_;
  others_.insert(others_.end(), other.others_.begin(), other.others_.end());
}

void RegexClass::intersect(const RegexClass& other) {
  others_ = {"(?:(?=" + pattern() + ")" + other.pattern() + ")"};
  items_.clear();
}

void RegexClass::complement() {
  if (others_.empty()) {
    others_ = {"[^" + items_ + "]"};
  } else {
    others_ = {"(?:(?!" + pattern() + ")(?s:.))"};
  }
  items_.clear();
}

std::string RegexClass::pattern() const {
  if (others_.empty()) return "[" + items_ + "]";
  if (others_.size() == 1 && items_.empty()) return others_[0];
  std::string all = "(?:";
  if (!items_.empty()) all += "[" + items_ + "]|";
  for (size_t i = 0; i < others_.size(); ++i) all += (i > 0 ? "|" : "") + others_[i];
  return all + ")";
}

}  // namespace thespis::model
