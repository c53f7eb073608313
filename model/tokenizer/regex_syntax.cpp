#include "model/tokenizer/regex_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "model/tokenizer/regex_class.hpp"
#include "model/tokenizer/utf8.hpp"

namespace thespis::model {
namespace {

constexpr uint32_t kRepeatsMax = 1000;  // In {n,m}; a larger one is no tokenizer's.

struct Refused {
  std::string what;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string translate() {
    alternatives();
    if (at_ < in_.size()) refuse(at_, ")", "without its (");
    // "C+ and more" that fails at one place of a run of C fails at the run's later ones, too:
    // without this, a search through a long run takes time by its length's square.
    if (!first_repeated_.empty() && !branches_)
      return fmt::format("(?:\\G|(?<!{}))", first_repeated_) + out_;
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(size_t at, std::string_view what, std::string_view why) const {
    throw Refused{fmt::format("has {} at byte {}, {}", what, at, why)};
  }
  [[noreturn]] void refuse_here(size_t begin) const {
    refuse(begin, in_.substr(begin, at_ - begin), "which is not supported");
  }

  bool ended() const { return at_ >= in_.size(); }
  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  bool take(std::string_view text) {
    if (!next_is(text)) return false;
    at_ += text.size();
    return true;
  }
  /// The code point at hand, which is taken.
  uint32_t take_character() {
    const size_t length = std::max<size_t>(utf8_length(in_, at_), 1);
    const uint32_t code = utf8_code_point(in_.substr(at_, length));
    at_ += length;
    return code;
  }
  void enter(size_t begin) {
    if (++depth_ > kPatternDepthMax)
      refuse(begin, "a group", fmt::format("nested deeper than {}", kPatternDepthMax));
  }

  void alternatives() {
    while (!ended() && !next_is(")")) {
      if (take("|")) {
        out_ += '|';
        branches_ = branches_ || depth_ == 0;
      } else {
        piece();
      }
    }
  }

  /// An atom and its quantifier.
  void piece() {
    const size_t atom_out = out_.size(), begin = at_;
    const bool one_character = in_[at_] != '(';
    const bool repeatable = atom();
    const size_t quantifier_begin = at_;
    const std::string atom_text = begin == 0 ? out_ : "";
    if (!quantifier(atom_out)) return;
    const std::string_view taken = in_.substr(quantifier_begin, at_ - quantifier_begin);
    if (begin == 0 && one_character && (taken == "+" || taken == "++")) first_repeated_ = atom_text;
    if (!repeatable) refuse(begin, in_.substr(begin, at_ - begin), "which repeats nothing");
    const size_t again = at_;
    const std::string before = out_;
    if (quantifier(atom_out))
      refuse(quantifier_begin, in_.substr(quantifier_begin, at_ - quantifier_begin),
             "two quantifiers in a row");
    at_ = again;
    out_ = before;
  }

  /// Takes a quantifier, if one follows, for what is in out_ from `atom_out` on.
  bool quantifier(size_t atom_out) {
    if (!ended() && (in_[at_] == '*' || in_[at_] == '+' || in_[at_] == '?')) {
      out_ += in_[at_++];
      if (!ended() && (in_[at_] == '?' || in_[at_] == '+')) out_ += in_[at_++];
      return true;
    }
    const auto range = interval();
    if (!range) return false;
    if (next_is("+") && range->low <= 1) {  // Two quantifiers that are like one.
      take("+");
      out_ += range->low == 1 ? '+' : '*';
      return true;
    }
    out_ += range->text;
    if (take("+")) {  // To Oniguruma {n,m}+ is no possessive quantifier but two.
      out_ = out_.substr(0, atom_out) + "(?:" + out_.substr(atom_out) + ")+";
    } else if (range->fixed && take("?")) {  // Nor is {n}? a lazy one.
      out_ = out_.substr(0, atom_out) + "(?:" + out_.substr(atom_out) + ")?";
    } else if (take("?")) {
      out_ += '?';
    }
    return true;
  }

  struct Interval {
    std::string text;
    uint32_t low;
    bool fixed;  // {n}
  };

  /// "{n}", "{n,}", "{,m}", "{n,m}"; none of these is literal text, as in Oniguruma.
  std::optional<Interval> interval() {
    const size_t begin = at_;
    const auto number = [&]() -> std::optional<uint32_t> {
      if (ended() || !is_digit(in_[at_])) return std::nullopt;
      uint32_t value = 0;
      for (; !ended() && is_digit(in_[at_]); ++at_)
        value = std::min(value * 10 + static_cast<uint32_t>(in_[at_] - '0'), kRepeatsMax + 1);
      return value;
    };
    if (!take("{")) return std::nullopt;
    const auto low = number();
    const bool comma = take(",");
    const auto high = comma ? number() : low;
    if (!take("}") || (!low && !high)) {
      at_ = begin;
      return std::nullopt;
    }
    if (low.value_or(0) > kRepeatsMax || high.value_or(0) > kRepeatsMax)
      refuse(begin, in_.substr(begin, at_ - begin),
             fmt::format("more than {} repetitions", kRepeatsMax));
    if (high && low.value_or(0) > *high) refuse_here(begin);
    if (!comma) return Interval{fmt::format("{{{}}}", *low), *low, true};
    const std::string upper = high ? std::to_string(*high) : "";
    return Interval{fmt::format("{{{},{}}}", low.value_or(0), upper), low.value_or(0), false};
  }

  /// True if what it took may be repeated.
  bool atom() {
    const size_t begin = at_;
    switch (in_[at_]) {
      case '(':
        return group();
      case '[':
        out_ += bracket().pattern();
        return true;
      case '\\':
        return escape();
      case '.':
        out_ += in_[at_++];
        return true;
      case '^':
      case '$':
        out_ += in_[at_++];
        return false;
      case '*':
      case '+':
      case '?':
        refuse(begin, in_.substr(begin, 1), "which repeats nothing");
      default:
        literal(take_character());
        return true;
    }
  }

  void literal(uint32_t code) {
    const bool plain = code >= 0x80 || is_digit(static_cast<char>(code)) ||
                       (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
    if (plain) {
      append_utf8(code, out_);
    } else {
      out_ += fmt::format("\\x{{{:x}}}", code);
    }
  }

  bool group() {
    const size_t begin = at_;
    enter(begin);
    bool repeatable = true;
    if (take("(?i)") || take("(?-i)")) {
      // Elsewhere Oniguruma ends an alternative's reach differently from PCRE2.
      const bool first = begin == 0 || in_[begin - 1] == '(' || in_[begin - 1] == ':';
      if (!first) refuse(begin, "(?i)", "which is supported only where a group begins");
      out_ += in_.substr(begin, at_ - begin);
      --depth_;
      return false;
    }
    bool known = false;
    for (const std::string_view opening : {"(?:", "(?>", "(?i:", "(?-i:"})
      if (!known && take(opening)) {
        out_ += opening;
        known = true;
      }
    for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"})
      if (!known && take(look)) {
        out_ += look;
        known = true;
        repeatable = false;
      }
    if (!known) {
      take("(");
      if (next_is("?") || next_is("*")) {
        at_ = std::min(at_ + 2, in_.size());
        refuse_here(begin);
      }
      out_ += "(?:";  // Nothing asks for what a group captured.
    }
    alternatives();
    if (!take(")")) refuse(begin, "(", "without its )");
    out_ += ')';
    --depth_;
    return repeatable;
  }

  bool escape() {
    const size_t begin = at_;
    const auto code = escaped_character(false);
    if (code) {
      literal(*code);
      return true;
    }
    if (const auto set = escaped_class(false)) {
      out_ += set->pattern();
      return true;
    }
    at_ = std::min(begin + 2, in_.size());
    const std::string w = RegexClass::word(false).pattern();
    const std::string_view name = in_.substr(begin, at_ - begin);
    if (name == "\\b") {
      out_ += fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", w);
    } else if (name == "\\B") {
      out_ += fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", w);
    } else if (name == "\\A" || name == "\\z" || name == "\\Z") {
      out_ += name;
    } else {
      refuse_here(begin);
    }
    return false;
  }

  /// Takes an escape that stands for one character; otherwise nothing.
  std::optional<uint32_t> escaped_character(bool in_class) {
    const size_t begin = at_;
    take("\\");
    if (ended()) refuse(begin, "\\", "at the end");
    const char c = in_[at_];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c)) return take_character();
    const std::string_view names = in_class ? "tnrfvaeb" : "tnrfvae";  // \b: backspace there.
    if (const size_t i = names.find(c); i != names.npos) {
      ++at_;
      return static_cast<uint32_t>("\t\n\r\f\v\a\x1b\b"[i]);
    }
    if (take("x{")) return code_point(begin, 1, 8, true);
    if (take("x")) {
      const uint32_t code = code_point(begin, 2, 2, false);
      if (code >= 0x80) refuse_here(begin);  // To Oniguruma a byte, not a character.
      return code;
    }
    if (take("u")) return code_point(begin, 4, 4, false);
    at_ = begin;
    return std::nullopt;
  }

  uint32_t code_point(size_t begin, int digits_min, int digits_max, bool braced) {
    uint64_t code = 0;
    int digits = 0;
    for (; digits < digits_max && !ended(); ++digits, ++at_) {
      const char c = in_[at_];
      const int value = is_digit(c)              ? c - '0'
                        : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                        : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                                 : -1;
      if (value < 0) break;
      code = code * 16 + static_cast<uint64_t>(value);
    }
    const bool closed = !braced || take("}");
    const bool valid = code < 0x110000 && (code < 0xd800 || code > 0xdfff);
    if (digits < digits_min || !closed || !valid) refuse_here(begin);
    return static_cast<uint32_t>(code);
  }

  /// Takes an escape that stands for a set of characters; otherwise nothing.
  std::optional<RegexClass> escaped_class(bool in_class) {
    const size_t begin = at_;
    if (take("\\p{") || take("\\P{")) return escaped_property(begin);
    std::optional<RegexClass> set;
    const std::string_view name = in_.substr(at_, 2);
    if (name == "\\s" || name == "\\S") set = RegexClass::white_space();
    if (name == "\\w" || name == "\\W") set = RegexClass::word(in_class);
    if (name == "\\d" || name == "\\D") set = RegexClass::of_items("\\p{Nd}");
    if (name == "\\h" || name == "\\H") set = RegexClass::of_items("0-9A-Fa-f");
    if (!set) return std::nullopt;
    if (name[1] < 'a') set->complement();
    at_ += 2;
    return set;
  }

  RegexClass escaped_property(size_t begin) {
    bool negated = in_[begin + 1] == 'P';
    if (take("^")) negated = !negated;
    const size_t end = in_.find('}', at_);
    const std::string_view name = in_.substr(at_, end == in_.npos ? 0 : end - at_);
    const bool letters = std::ranges::all_of(
        name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; });
    if (name.empty() || !letters) refuse_here(begin);
    at_ = end + 1;
    return RegexClass::property(name, negated);
  }

  RegexClass bracket() {
    const size_t begin = at_;
    enter(begin);
    take("[");
    const bool negated = take("^");
    std::optional<RegexClass> whole;
    RegexClass set = RegexClass::of_items("");
    if (take("]")) set.unite(RegexClass::of_range(']', ']'));  // The first is literal.
    const auto close_part = [&] {
      if (set.empty()) refuse(begin, in_.substr(begin, at_ - begin), "an empty class");
      if (whole) set.intersect(*whole);
    };
    while (!take("]")) {
      if (ended()) refuse(begin, "[", "without its ]");
      if (take("&&")) {
        close_part();
        whole = set;
        set = RegexClass::of_items("");
      } else {
        set.unite(bracket_item());
      }
    }
    close_part();
    if (negated) set.complement();
    --depth_;
    return set;
  }

  RegexClass bracket_item() {
    const size_t begin = at_;
    if (next_is("[:")) refuse(begin, "[:", "which is not supported");
    if (next_is("[")) return bracket();
    const auto first = bracket_character();
    if (!first) {
      if (auto set = escaped_class(true)) return *set;
      at_ = std::min(begin + 2, in_.size());
      refuse_here(begin);
    }
    const bool range = next_is("-") && !next_is("-]") && !next_is("-&&") && at_ + 1 < in_.size();
    if (!range) return RegexClass::of_range(*first, *first);
    take("-");
    const auto last = next_is("[") ? std::nullopt : bracket_character();
    if (!last || *last < *first) refuse(begin, in_.substr(begin, at_ - begin), "no range");
    return RegexClass::of_range(*first, *last);
  }

  std::optional<uint32_t> bracket_character() {
    if (next_is("\\")) return escaped_character(true);
    return take_character();
  }

  std::string_view in_;
  size_t at_ = 0;
  std::string out_;
  int depth_ = 0;
  bool branches_ = false;  // The pattern has alternatives, outside of groups.
  std::string
      first_repeated_;  // What the pattern begins with, a character of it one or more times.
};

}  // namespace

tl::expected<std::string, std::string> to_pcre2(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax)
    return tl::unexpected(
        fmt::format("has {} bytes; at most {} are supported", pattern.size(), kPatternBytesMax));
  try {
    return Translator(pattern).translate();
  } catch (const Refused& refused) {
    return tl::unexpected(refused.what);
  }
}

}  // namespace thespis::model
