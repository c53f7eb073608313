// See scan.hpp.

#include "tasks/math/scan.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "tasks/math/limits.hpp"

namespace thespis::tasks::math {
namespace {

using View = std::string_view;

/// Longer runs of digits and signs are no answer. Each number's run is looked at, so this bounds
/// what a text of nothing else costs.
constexpr size_t kArithmeticBytesMax = 128;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool starts(View text, size_t at, View what) {
  return text.substr(at, what.size()) == what;
}

/// Finds each kind of sign in one forward pass: a search that failed once is not made again.
class FormulaScanner {
 public:
  explicit FormulaScanner(View text) : text_(text) {}

  std::vector<Piece> run() {
    while (at_ < text_.size()) {
      if (!step()) ++at_;
    }
    return std::move(pieces_);
  }

 private:
  bool step() {
    if (text_[at_] == '\\') {
      if (starts(text_, at_, "\\[")) return between(2, "\\]", false, no_bracket_);
      if (starts(text_, at_, "\\(")) return between(2, "\\)", true, no_parenthesis_);
      ++at_;  // The character behind a backslash is no sign.
      return false;
    }
    if (text_[at_] != '$') return false;
    if (starts(text_, at_, "$$")) return between(2, "$$", false, no_dollars_);
    // $5 is money where a digit stands before the sign, or the sign is the line's last one.
    if (at_ > 0 && is_digit(text_[at_ - 1])) return false;
    return dollars();
  }

  bool between(size_t opening, View closing, bool one_line, bool& none_left) {
    if (none_left) return false;
    const size_t begin = at_ + opening, end = text_.find(closing, begin);
    if (end == View::npos) {
      none_left = true;
      return false;
    }
    const View inner = text_.substr(begin, end - begin);
    if (inner.empty()) return false;
    if (one_line && inner.find('\n') != View::npos) {
      at_ = begin;
      return true;
    }
    add(end + closing.size(), inner);
    return true;
  }

  bool dollars() {
    for (size_t end = at_ + 1; end < text_.size(); ++end) {
      if (text_[end] == '\n') break;
      if (text_[end] == '\\') {
        ++end;
      } else if (text_[end] == '$') {
        if (end == at_ + 1) break;
        add(end + 1, text_.substr(at_ + 1, end - at_ - 1));
        return true;
      }
    }
    return false;
  }

  void add(size_t end, View inner) {
    Piece piece{at_, end, std::string(inner.substr(0, kAnswerBytesMax + 1))};
    const size_t next = skip_blanks(text_, end);
    for (const View mark : {View("\\%"), View("%"), View("percent"), View("Percent"), View("pct")})
      if (starts(text_, next, mark)) {
        piece.end = next + mark.size();
        if (piece.answer.find('%') == View::npos) piece.answer += '%';
        break;
      }
    at_ = piece.end;
    if (!pieces_.empty() && joins(pieces_.back().end, piece.begin) &&
        pieces_.back().answer.size() <= kAnswerBytesMax) {
      pieces_.back().answer += "," + piece.answer;
      pieces_.back().end = piece.end;
    } else {
      pieces_.push_back(std::move(piece));
    }
  }

  /// Only a comma, "and" or "or" stands between the two places.
  bool joins(size_t from, size_t to) const {
    if (to < from || to - from > 16) return false;
    View gap = text_.substr(from, to - from);
    while (!gap.empty() && is_blank(gap.front())) gap.remove_prefix(1);
    while (!gap.empty() && is_blank(gap.back())) gap.remove_suffix(1);
    static constexpr std::array<View, 7> kJoints = {",",     "and", "or",  ",and",
                                                    ", and", ",or", ", or"};
    return std::find(kJoints.begin(), kJoints.end(), gap) != kJoints.end();
  }

  View text_;
  size_t at_ = 0;
  bool no_bracket_ = false, no_parenthesis_ = false, no_dollars_ = false;
  std::vector<Piece> pieces_;
};

/// What may stand before a number that stands by itself.
bool opens_number(View text, size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  if (is_blank(before) || before == '=' || before == '*' || before == '$' || before == ':')
    return true;
  const auto currency = [&](View sign) {
    return at >= sign.size() && text.substr(at - sign.size(), sign.size()) == sign;
  };
  return currency("\xE2\x82\xAC") || currency("\xC2\xA3") || currency("\xC2\xA5") ||
         currency("\xE2\x82\xB9");
}

size_t percent_end(View text, size_t at) {
  const size_t next = skip_blanks(text, at);
  for (const View mark : {View("%"), View("\\%"), View("percentage"), View("percent"),
                          View("Percent"), View("pct"), View("Pct")})
    if (starts(text, next, mark)) return next + mark.size();
  return at;
}

bool is_arithmetic(View text, size_t at) {
  const char c = text[at];
  return is_digit(c) || c == '.' || c == ' ' || c == '+' || c == '-' || c == '*' || c == '/' ||
         c == '^' || c == '(' || c == ')' || c == '\xC3' ||
         (at > 0 && text[at - 1] == '\xC3' && (c == '\x97' || c == '\xB7'));
}

/// 3/4, (9+1)*2: a run of digits and signs with a sign between two of them.
Piece arithmetic_at(View text, size_t at) {
  size_t begin = at;
  for (const char c : {'-', '(', '-'})
    if (begin < text.size() && text[begin] == c) ++begin;
  if (begin == text.size() || !is_digit(text[begin])) return {};
  size_t end = at;
  while (end < text.size() && end - at < kArithmeticBytesMax && is_arithmetic(text, end)) ++end;
  const auto is_tail = [&](char c) { return !is_digit(c) && c != ')'; };
  while (end > at && is_tail(text[end - 1])) --end;
  const View run = text.substr(at, end - at);
  if (run.find_first_of("+-*/^\xC3", begin - at) == View::npos) return {};
  constexpr View kBehind = ".,: \t\n\r)$*";
  if (end < text.size() && kBehind.find(text[end]) == View::npos) return {};
  return {at, end, std::string(run)};
}

}  // namespace

size_t skip_blanks(std::string_view text, size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

std::vector<Piece> formulas(std::string_view text) {
  return FormulaScanner(text).run();
}

std::vector<Piece> boxes(std::string_view text) {
  std::vector<Piece> result;
  // One pass with a stack of open braces; a box opens with its brace.
  struct Open {
    size_t box = View::npos, begin = 0;
  };
  std::vector<Open> open;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      const size_t size = starts(text, i, "\\boxed") ? 6 : starts(text, i, "\\fbox") ? 5 : 0;
      const size_t brace = size == 0 ? View::npos : skip_blanks(text, i + size);
      if (brace < text.size() && text[brace] == '{') {
        open.push_back({i, brace + 1});
        i = brace;
      } else if (size == 0 && i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '}')) {
        // The braces of \{a\} balance as others do; those that do not are a box's bad luck.
        if (text[i + 1] == '{')
          open.push_back({});
        else if (!open.empty() && open.back().box == View::npos)
          open.pop_back();
        ++i;
      }
    } else if (text[i] == '{') {
      open.push_back({});
    } else if (text[i] == '}' && !open.empty()) {
      const Open box = open.back();
      open.pop_back();
      if (box.box != View::npos)
        result.push_back(
            {box.box, i + 1,
             std::string(text.substr(box.begin, std::min(i - box.begin, kAnswerBytesMax + 1)))});
    }
  }
  if (result.empty()) {
    const auto unclosed = std::find_if(open.rbegin(), open.rend(),
                                       [](const Open& box) { return box.box != View::npos; });
    if (unclosed != open.rend())
      result = {{unclosed->box, text.size(),
                 std::string(text.substr(unclosed->begin, kAnswerBytesMax + 1))}};
  }
  std::sort(result.begin(), result.end(),
            [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  // The last box, with those before it that are parts of the same answer.
  const auto belongs = [&](const Piece& a, const Piece& b) {
    if (b.begin < a.end) return false;
    const View gap = text.substr(a.end, b.begin - a.end);
    if (gap.size() < 10) return true;
    if (gap.size() >= 70 || a.answer == b.answer) return false;
    return gap.find_first_of(",;") != View::npos || gap.find(" and ") != View::npos ||
           gap.find(" or ") != View::npos || gap.find("{and}") != View::npos ||
           gap.find("{or}") != View::npos;
  };
  if (result.size() < 2) return result;
  size_t first = result.size() - 1;
  while (first > 0 && result.size() - first < kListMax && belongs(result[first - 1], result[first]))
    --first;
  std::string joined;
  for (size_t i = first; i < result.size() && joined.size() <= kAnswerBytesMax; ++i)
    if (i == first || result[i].answer != result[i - 1].answer)
      joined += (i == first ? "" : ",") + result[i].answer;
  result.back().answer = joined;
  return result;
}

Piece number_at(std::string_view text, size_t at) {
  size_t begin = at;
  if (begin < text.size() && text[begin] == '$') ++begin;
  if (Piece piece = arithmetic_at(text, begin); !piece.answer.empty()) return piece;
  size_t i = begin;
  std::string digits;
  if (i < text.size() && text[i] == '-') digits += text[i++];
  if (i < text.size() && text[i] == '$') ++i;
  const size_t first = i;
  while (i < text.size() && is_digit(text[i])) digits += text[i++];
  const size_t head = i - first;
  bool grouped = false;
  if (head >= 1 && head <= 3 && text[first] != '0')
    while (i + 3 < text.size() && (text[i] == ',' || text[i] == ' ') && is_digit(text[i + 1]) &&
           is_digit(text[i + 2]) && is_digit(text[i + 3]) &&
           (i + 4 == text.size() || !is_digit(text[i + 4]))) {
      digits.append(text.substr(i + 1, 3));
      i += 4;
      grouped = true;
    }
  const bool comma = !grouped && head > 0 && i < text.size() && text[i] == ',';
  if (i + 1 < text.size() && (text[i] == '.' || comma) && is_digit(text[i + 1])) {
    digits += '.';
    for (++i; i < text.size() && is_digit(text[i]); ++i) digits += text[i];
  }
  if (digits.empty() || !is_digit(digits.back())) return {};
  const size_t end = percent_end(text, i);
  if (end != i) digits += '%';
  if (digits.size() > kAnswerBytesMax) digits.resize(kAnswerBytesMax + 1);
  return {at, end, std::move(digits)};
}

std::vector<Piece> numbers(std::string_view text, size_t count_max) {
  std::deque<Piece> last;
  for (size_t i = 0; i < text.size();) {
    const bool begins = is_digit(text[i]) || text[i] == '-' || text[i] == '(' || text[i] == '.';
    if (!begins || !opens_number(text, i)) {
      ++i;
      continue;
    }
    Piece piece = number_at(text, i);
    if (piece.answer.empty()) {
      ++i;
      continue;
    }
    i = piece.end;
    last.push_back(std::move(piece));
    if (last.size() > count_max) last.pop_front();
  }
  return {last.begin(), last.end()};
}

}  // namespace thespis::tasks::math
