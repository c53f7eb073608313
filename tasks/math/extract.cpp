// See extract.hpp.

#include "tasks/math/extract.hpp"

#include <algorithm>
#include <cctype>

#include "tasks/math/limits.hpp"
#include "tasks/math/scan.hpp"

namespace thespis::tasks::math {
namespace {

using View = std::string_view;
constexpr size_t kAnchorsMax = 64;  ///< The last ones of a text.

/// Places of `word` (in lower case) in the text, whatever the case there; the last ones first.
std::vector<size_t> places(View text, View word) {
  std::vector<size_t> result;
  for (size_t i = text.size(); i-- > 0 && result.size() < kAnchorsMax;) {
    if (i + word.size() > text.size()) continue;
    bool same = true;
    for (size_t k = 0; same && k < word.size(); ++k)
      same = std::tolower(static_cast<unsigned char>(text[i + k])) == word[k];
    if (same) result.push_back(i);
  }
  return result;
}

struct Ranked {
  int rank = 0;
  Piece piece;
};

class Extractor {
 public:
  Extractor(View text, const Notation& notation) : text_(text), notation_(notation) {
    if (notation_.latex) formulas_ = formulas(text);
  }

  std::vector<std::string> run() {
    anchored();
    if (notation_.latex) {
      std::vector<Piece> found = boxes(text_);
      const size_t from = found.size() > kCandidatesMax / 2 ? found.size() - kCandidatesMax / 2 : 0;
      for (size_t i = found.size(); i-- > from;) ranked_.push_back({50, std::move(found[i])});
      size_t left = kCandidatesMax / 2;
      for (size_t i = formulas_.size(); i-- > 0 && left > 0; --left)
        ranked_.push_back({300, formulas_[i]});
      for (Piece& piece : bare_fractions()) ranked_.push_back({300, std::move(piece)});
    }
    if (notation_.plain) {
      const size_t tail = text_.size() - std::min(text_.size(), kPlainBytesMax);
      for (Piece& piece : numbers(text_.substr(tail), kCandidatesMax / 2)) {
        piece.begin += tail, piece.end += tail;
        if (!inside_formula(piece)) ranked_.push_back({300, std::move(piece)});
      }
    }
    std::stable_sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) {
      if (a.rank != b.rank) return a.rank < b.rank;
      if (a.piece.end != b.piece.end) return a.piece.end > b.piece.end;
      return a.piece.begin < b.piece.begin;
    });
    std::vector<std::string> result;
    for (Ranked& ranked : ranked_) {
      if (result.size() == kCandidatesMax) break;
      result.push_back(std::move(ranked.piece.answer));
    }
    return result;
  }

 private:
  /// The formula that begins at the place, or the first one that begins up to `slack` behind it.
  const Piece* formula_from(size_t at, size_t slack) const {
    const auto next =
        std::lower_bound(formulas_.begin(), formulas_.end(), at,
                         [](const Piece& piece, size_t place) { return piece.begin < place; });
    return next != formulas_.end() && next->begin <= at + slack ? &*next : nullptr;
  }

  bool inside_formula(const Piece& piece) const {
    const auto next =
        std::upper_bound(formulas_.begin(), formulas_.end(), piece.begin,
                         [](size_t place, const Piece& formula) { return place < formula.begin; });
    return next != formulas_.begin() && std::prev(next)->end > piece.begin;
  }

  void anchored() {
    for (const size_t at : places(text_, "####")) take_number(0, at + 4);
    for (const size_t at : places(text_, "answer")) {
      const bool is_final = at >= 6 && places(text_.substr(at - 6, 6), "final ").size() == 1;
      if (is_final) final_answer(at + 6);
      size_t from = at + 6;
      const bool colon = from < text_.size() && text_[from] == ':';
      answer(colon ? 100 : 200, from + (colon ? 1 : 0));
    }
    for (const size_t at : places(text_, "\na:")) take_number(100, at + 3);
  }

  void take(int rank, const Piece& piece) { ranked_.push_back({rank, piece}); }

  void take_number(int rank, size_t at) {
    if (!notation_.plain) return;
    Piece piece = number_at(text_, skip_blanks(text_, at));
    if (!piece.answer.empty()) ranked_.push_back({rank, std::move(piece)});
  }

  /// "final answer ... is X", and above all with "I hope" behind it.
  void final_answer(size_t from) {
    for (size_t at = from; at < text_.size() && at <= from + 100; ++at) {
      if (text_.substr(at, 3) != " is") continue;
      size_t begin = at + 3;
      if (begin < text_.size() && text_[begin] == ':') ++begin;
      const size_t place = skip_blanks(text_, begin);
      const auto rank = [&](const Piece& piece) {
        size_t next = piece.end;
        if (next < text_.size() && text_[next] == '.') ++next;
        return text_.substr(skip_blanks(text_, next), 6) == "I hope" ? 0 : 50;
      };
      if (const Piece* piece = formula_from(place, 0); piece != nullptr && notation_.latex)
        take(rank(*piece), *piece);
      if (notation_.latex) {
        // A formula without its signs, to the end of the sentence.
        const bool command = text_.substr(place, 1) == "\\" || text_.substr(place, 2) == "-\\";
        const size_t stop = command ? sentence_end(place) : place;
        Piece piece{place, stop, std::string(text_.substr(place, stop - place))};
        if (stop > place && formula_from(place, 1) == nullptr)
          ranked_.push_back({rank(piece), std::move(piece)});
      }
      if (!notation_.plain) continue;
      Piece piece = number_at(text_, place);
      if (!piece.answer.empty() && !inside_formula(piece))
        ranked_.push_back({rank(piece), std::move(piece)});
    }
  }

  size_t sentence_end(size_t from) const {
    size_t end = from;
    while (end < text_.size() && end - from < kAnswerBytesMax && text_[end] != '\n' &&
           !(text_[end] == '.' && (end + 1 == text_.size() || text_[end + 1] == ' ')))
      ++end;
    return end;
  }

  void answer(int rank, size_t from) {
    if (const Piece* piece = formula_from(from, 50)) take(rank, *piece);
    if (!notation_.plain) return;
    // Behind the last equals sign near by, or else the first number.
    const View near = text_.substr(from, 100);
    const size_t equals = near.rfind('=');
    const auto followed_by_equals = [&](const Piece& piece) {
      return text_.substr(skip_blanks(text_, piece.end), 1) == "=";
    };
    if (equals != View::npos) {
      Piece piece = number_at(text_, skip_blanks(text_, from + equals + 1));
      if (!piece.answer.empty() && !followed_by_equals(piece) && !inside_formula(piece)) {
        ranked_.push_back({rank, std::move(piece)});
        return;
      }
    }
    for (Piece& piece : numbers(text_.substr(from, 120), kCandidatesMax)) {
      if (piece.begin > 50) break;
      piece.begin += from, piece.end += from;
      if (followed_by_equals(piece) || inside_formula(piece)) continue;
      Piece whole = number_at(text_, piece.begin);
      ranked_.push_back({rank, std::move(whole)});
      break;
    }
  }

  /// \frac{1}{2} in running text.
  std::vector<Piece> bare_fractions() const {
    std::vector<Piece> result;
    for (const size_t at : places(text_, "\\frac")) {
      size_t end = at + 5;
      bool good = true;
      for (int n = 0; n < 2 && good; ++n) {
        const size_t close = text_.substr(end, 64).find('}');
        good = end < text_.size() && text_[end] == '{' && close != View::npos && close > 1 &&
               text_.substr(end + 1, close - 1).find_first_not_of("-0123456789.,") == View::npos;
        if (good) end += close + 1;
      }
      if (!good) continue;
      const size_t begin = at > 0 && text_[at - 1] == '-' ? at - 1 : at;
      Piece piece{begin, end, std::string(text_.substr(begin, end - begin))};
      if (!inside_formula(piece)) result.push_back(std::move(piece));
    }
    return result;
  }

  View text_;
  const Notation& notation_;
  std::vector<Piece> formulas_;
  std::vector<Ranked> ranked_;
};

/// What stands between the last pair of tags; empty: nothing does.
View last_between(View text, View open, View close) {
  const size_t end = text.rfind(close);
  if (end == View::npos) return {};
  const size_t begin = text.substr(0, end).rfind(open);
  if (begin == View::npos) return {};
  return text.substr(begin + open.size(), end - begin - open.size());
}

View trimmed(View text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == View::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// The text itself may be the answer: a formula, a number, one word; not a sentence.
bool may_be_bare(View text) {
  if (text.empty() || text.size() > kAnswerBytesMax) return false;
  if (text.find("\\boxed") != View::npos || text.find("\\(") != View::npos ||
      text.find("\\[") != View::npos)
    return false;
  for (size_t at = text.find('$'); at != View::npos; at = text.find('$', at + 1))
    if (at == 0 || text[at - 1] != '\\') return false;
  size_t words = 0, letters = 0, braces = 0;
  bool command = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      ++letters;
      continue;
    }
    if (letters >= 3 && !command && braces == 0) ++words;
    letters = 0;
    command = c == '\\';
    if (c == '{') ++braces;
    if (c == '}' && braces > 0) --braces;
  }
  const bool one_word = text.find_first_of(" \t\n") == View::npos;
  return words == 0 || (words == 1 && one_word);
}

}  // namespace

std::vector<std::string> answer_candidates(std::string_view text, const Notation& notation) {
  if (text.size() > kTextBytesMax) throw LimitReached("a text that is longer than is read");
  std::vector<std::string> result;
  const auto append = [&](View part) {
    const View bare = trimmed(part);
    if (may_be_bare(bare)) {
      // In LaTeX 0,1 is a list; where only plain numbers are asked for, a decimal.
      if (notation.latex) result.emplace_back(bare);
      Piece number = notation.plain ? number_at(bare, 0) : Piece{};
      if (!number.answer.empty() && number.end == bare.size())
        result.push_back(std::move(number.answer));
    }
    for (std::string& candidate : Extractor(part, notation).run())
      result.push_back(std::move(candidate));
  };
  if (const View tagged = last_between(text, "<answer>", "</answer>"); !tagged.empty())
    append(tagged);
  const size_t thought = text.rfind("</think>");
  if (thought != View::npos) append(text.substr(thought + 8));
  if (result.empty()) append(text);
  if (result.size() > kCandidatesMax) result.resize(kCandidatesMax);
  return result;
}

}  // namespace thespis::tasks::math
