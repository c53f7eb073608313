// See lexer.hpp.

#include "tasks/math/lexer.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tasks/math/limits.hpp"

namespace thespis::tasks::math {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '~';
}

using View = std::string_view;

constexpr std::array<std::pair<View, View>, 40> kUnicode = {{
    {"\xC3\x97", "\\times "},
    {"\xC3\xB7", "\\div "},
    {"\xC2\xB7", "\\cdot "},
    {"\xC2\xB1", "\\pm "},
    {"\xC2\xB0", "^\\circ "},
    {"\xC2\xB2", "^2"},
    {"\xC2\xB3", "^3"},
    {"\xC2\xBD", "\\frac12 "},
    {"\xC2\xA0", " "},
    {"\xCF\x80", "\\pi "},
    {"\xCE\xB8", "\\theta "},
    {"\xCE\xB1", "\\alpha "},
    {"\xCE\xB2", "\\beta "},
    {"\xE2\x88\x92", "-"},
    {"\xE2\x80\x93", "-"},
    {"\xE2\x88\x9E", "\\infty "},
    {"\xE2\x89\xA4", "\\le "},
    {"\xE2\x89\xA5", "\\ge "},
    {"\xE2\x89\xA0", "\\ne "},
    {"\xE2\x89\x88", "\\approx "},
    {"\xE2\x88\x9A", "\\sqrt "},
    {"\xE2\x88\xAA", "\\cup "},
    {"\xE2\x88\xA9", "\\cap "},
    {"\xE2\x88\x88", "\\in "},
    {"\xE2\x88\x85", "\\emptyset "},
    {"\xE2\x84\x9D", "\\mathbb{R}"},
    {"\xE2\x8B\x85", "\\cdot "},
    {"\xE2\x81\xBF", "^n"},
    {"\xC2\xBC", "\\frac14 "},
    {"\xC2\xBE", "\\frac34 "},
    {"\xE2\x82\xAC", ""},
    {"\xC2\xA3", ""},
    {"\xE2\x80\x99", "'"},
    {"\xE2\x80\x89", " "},
    {"\xE2\x80\xAF", " "},
    {"\xE2\x87\x92", "\\implies "},
    {"\xE2\x86\x92", "\\to "},
    {"\xE2\x80\x8B", ""},
    {"\xCE\xBB", "\\lambda "},
    {"\xCE\xBC", "\\mu "},
}};

/// Commands that only move or size what they stand beside.
const std::unordered_set<View> kSilent = {
    "left",  "right",   "middle",       "big",        "Big",      "bigg",  "Bigg",      "bigl",
    "bigr",  "Bigl",    "Bigr",         "biggl",      "biggr",    "mleft", "mright",    "limits",
    "quad",  "qquad",   "displaystyle", "textstyle",  "nolimits", "boxed", "fbox",      "thinspace",
    "space", "hspace*", "scriptstyle",  "ensuremath", "medspace", "bigg",  "mathstrut", "strut"};

const std::unordered_set<View> kTextual = {
    "text",       "mbox",   "textbf",       "textit", "textrm", "textnormal", "mathrm",
    "mathit",     "mathbf", "mathsf",       "mathtt", "textsf", "texttt",     "hbox",
    "boldsymbol", "bold",   "operatorname", "emph",   "bf",     "rm",         "it"};

/// Other names of the same thing.
const std::unordered_map<View, View> kNames = {
    {"leq", "le"},
    {"leqslant", "le"},
    {"geq", "ge"},
    {"geqslant", "ge"},
    {"lt", "<"},
    {"gt", ">"},
    {"neq", "ne"},
    {"dfrac", "frac"},
    {"tfrac", "frac"},
    {"cfrac", "frac"},
    {"dbinom", "binom"},
    {"tbinom", "binom"},
    {"ast", "cdot"},
    {"star", "cdot"},
    {"lbrace", "{"},
    {"rbrace", "}"},
    {"lbrack", "["},
    {"rbrack", "]"},
    {"lvert", "|"},
    {"rvert", "|"},
    {"vert", "|"},
    {"mid", "|"},
    {"lVert", "|"},
    {"rVert", "|"},
    {"Vert", "|"},
    {"|", "|"},
    {"varnothing", "emptyset"},
    {"infin", "infty"},
    {"degree", "circ"},
    {"deg", "circ"},
    {"colon", ":"},
    {"arctan", "arctan"},
    {"tg", "tan"},
    {"ctg", "cot"},
    {"lg", "log"},
    {"thickapprox", "approx"},
    {"simeq", "approx"},
    {"sim", "approx"},
    {"equiv", "equiv"},
    {"smallsetminus", "setminus"},
    {"backslash", "setminus"},
    {"bigcup", "cup"},
    {"bigcap", "cap"},
    {"vee", "or"},
    {"lor", "or"},
    {"wedge", "and"},
    {"land", "and"},
    {"varepsilon", "epsilon"},
    {"varphi", "phi"},
    {"overrightarrow", "vec"},
    {"surd", "sqrt"},
    {"cosec", "csc"},
    {"to", "implies"},
    {"rightarrow", "implies"},
    {"Rightarrow", "implies"},
    {"iff", "implies"},
    {"Leftrightarrow", "implies"},
    {"longrightarrow", "implies"},
    {"therefore", "implies"},
    {"ldots", "dots"},
    {"cdots", "dots"},
    {"dotsc", "dots"},
    {"dotsb", "dots"},
};

/// Words that stand for a command where no backslash is before them.
const std::unordered_map<View, View> kWords = {
    {"sqrt", "sqrt"},     {"sin", "sin"},      {"cos", "cos"},       {"tan", "tan"},
    {"cot", "cot"},       {"sec", "sec"},      {"csc", "csc"},       {"log", "log"},
    {"ln", "ln"},         {"exp", "exp"},      {"pi", "pi"},         {"infinity", "infty"},
    {"inf", "infty"},     {"and", "and"},      {"or", "or"},         {"percent", "%"},
    {"percentage", "%"},  {"pct", "%"},        {"arcsin", "arcsin"}, {"arccos", "arccos"},
    {"arctan", "arctan"}, {"degrees", "circ"}, {"theta", "theta"},   {"alpha", "alpha"},
};

View trimmed(View text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

class Lexer {
 public:
  explicit Lexer(View text) : text_(text) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) step();
    push(Lexeme::kEnd, "");
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void push(Lexeme lexeme, View text) {
    tokens_.push_back({lexeme, std::string(text), blank_});
    blank_ = false;
  }

  void step() {
    const char c = peek();
    if (is_blank(c)) {
      blank_ = true, ++at_;
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      number();
    } else if (is_letter(c)) {
      letters();
    } else if (c == '\\') {
      command();
    } else if (c == '<' || c == '>' || c == '!') {
      ++at_;
      const bool with_equals = peek() == '=' && !(c == '!' && peek(1) == '=');
      if (with_equals) ++at_;
      if (with_equals)
        push(Lexeme::kCommand, c == '<' ? "le" : c == '>' ? "ge" : "ne");
      else
        push(c == '!' ? Lexeme::kSign : Lexeme::kCommand, View(&c, 1));
    } else if (c == '*' && peek(1) == '*') {
      push(Lexeme::kSign, "^"), at_ += 2;
    } else {
      if (c == '(' || c == '[') ++brackets_;
      if ((c == ')' || c == ']') && brackets_ > 0) --brackets_;
      push(Lexeme::kSign, text_.substr(at_, 1)), ++at_;
    }
  }

  bool digits_at(size_t at, size_t count) const {
    for (size_t i = 0; i < count; ++i)
      if (at + i >= text_.size() || !is_digit(text_[at + i])) return false;
    return at + count >= text_.size() || !is_digit(text_[at + count]);
  }

  /// The length of a thousands separator at the place, where three digits follow; else 0.
  size_t separator(bool sure) const {
    for (const View mark :
         {View("{,}"), View("{, }"), View("{ , }"), View(",\\!"), View(" {,}"), View(" {, }")})
      if (text_.substr(at_, mark.size()) == mark) {
        size_t end = mark.size();
        while (at_ + end < text_.size() && is_blank(text_[at_ + end])) ++end;
        return digits_at(at_ + end, 3) ? end : 0;
      }
    if (sure && (peek() == ',' || peek() == ' ') && digits_at(at_ + 1, 3)) return 1;
    return 0;
  }

  void number() {
    std::string digits;
    const size_t begin = at_;
    while (is_digit(peek())) digits += text_[at_++];
    // Within brackets a comma more likely parts elements: (3,100).
    const bool short_head = at_ - begin >= 1 && at_ - begin <= 3 && text_[begin] != '0';
    while (short_head || at_ - begin <= 3) {
      const size_t mark = separator(brackets_ == 0 && short_head);
      if (mark == 0) break;
      at_ += mark;
      digits.append(text_.substr(at_, 3));
      at_ += 3;
    }
    if (peek() == '.' && is_digit(peek(1))) {
      digits += text_[at_++];
      while (is_digit(peek())) digits += text_[at_++];
    } else if (peek() == '.' && text_.substr(at_ + 1, 9) == "\\overline") {
      digits += text_[at_++];
    }
    if (digits.size() > kDigitsMax) throw LimitReached("a number of more digits than are read");
    push(Lexeme::kNumber, digits);
  }

  void letters() {
    size_t end = at_;
    while (end < text_.size() && is_letter(text_[end])) ++end;
    const auto word = kWords.find(text_.substr(at_, end - at_));
    if (word != kWords.end()) {
      push(Lexeme::kCommand, word->second);
      at_ = end;
    } else {
      for (; at_ < end; ++at_) push(Lexeme::kLetter, text_.substr(at_, 1));
    }
  }

  void command() {
    const size_t begin = ++at_;
    while (is_letter(peek())) ++at_;
    if (at_ == begin && at_ < text_.size()) ++at_;
    View name = text_.substr(begin, at_ - begin);
    if (name.size() == 1 && View(" ,;:!/").find(name[0]) != View::npos) {
      blank_ = true;
      return;
    }
    for (const View spacing : {View("qquad"), View("quad")})
      if (name.starts_with(spacing)) {  // \quadx: the blank behind it is missing.
        at_ = begin + spacing.size();
        blank_ = true;
        return;
      }
    if (kSilent.contains(name)) {
      blank_ = true;
      if ((name == "left" || name == "right") && peek() == '.') ++at_;  // An invisible bracket.
      return;
    }
    if (name == "operatorname" && peek() == '*') ++at_;
    if (kTextual.contains(name) && words()) return;
    const auto other = kNames.find(name);
    if (other != kNames.end()) name = other->second;
    if (name == "{" || name == "(" || name == "[") ++brackets_;
    if ((name == "}" || name == ")" || name == "]") && brackets_ > 0) --brackets_;
    push(Lexeme::kCommand, name);
  }

  /// \text{...}; false where no braces follow.
  bool words() {
    size_t at = at_;
    while (at < text_.size() && is_blank(text_[at])) ++at;
    if (at >= text_.size() || text_[at] != '{') return false;
    size_t depth = 0, end = at;
    for (; end < text_.size(); ++end) {
      if (text_[end] == '{') ++depth;
      if (text_[end] == '}' && --depth == 0) break;
    }
    if (end == text_.size()) return false;
    View inner = trimmed(text_.substr(at + 1, end - at - 1));
    at_ = end + 1;
    while (!inner.empty() && (inner.front() == ',' || inner.front() == ';')) {
      push(Lexeme::kSign, ",");
      inner = trimmed(inner.substr(1));
    }
    const auto word = kWords.find(inner);
    if (word != kWords.end())
      push(Lexeme::kCommand, word->second);
    else if (inner.find_first_of("0123456789\\^_") != View::npos)
      splice(inner);
    else if (!inner.empty())
      push(Lexeme::kWords, inner);
    else
      blank_ = true;
    return true;
  }

  /// \text{7} and the like are what they hold. Nested ones stay text: no recursion here.
  void splice(View inner) {
    if (inner.find("\\text") != View::npos || inner.find("\\math") != View::npos) {
      push(Lexeme::kWords, inner);
      return;
    }
    Lexer lexer(inner);
    auto tokens = lexer.run();
    tokens.pop_back();
    const bool words = std::count_if(tokens.begin(), tokens.end(), [](const Token& token) {
                         return token.lexeme == Lexeme::kLetter;
                       }) > 2;
    if (words) {
      push(Lexeme::kWords, inner);
      return;
    }
    for (Token& token : tokens) tokens_.push_back(std::move(token));
  }

  View text_;
  size_t at_ = 0;
  size_t brackets_ = 0;
  bool blank_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::string plain_latex(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const bool has_rows = text.find("\\begin") != View::npos;
  for (size_t i = 0; i < text.size();) {
    const View rest = text.substr(i);
    if (rest[0] == '\\' && rest.size() > 2 && rest[1] == '\\' && is_letter(rest[2]) && !has_rows) {
      ++i;  // An escape too many.
    } else if (rest.substr(0, 2) == "\\!") {
      for (i += 2; i < text.size() && is_blank(text[i]);) ++i;
    } else if (rest.substr(0, 2) == "\\$") {
      i += 2;
    } else if (rest[0] == '$') {
      ++i;
    } else if (rest.substr(0, 2) == "\\%") {
      result += '%', i += 2;
    } else if (static_cast<unsigned char>(rest[0]) >= 0x80) {
      const auto* const found =
          std::find_if(kUnicode.begin(), kUnicode.end(),
                       [&](const auto& entry) { return rest.starts_with(entry.first); });
      if (found == kUnicode.end()) {
        result += rest[0], ++i;
      } else {
        result += found->second, i += found->first.size();
      }
    } else {
      result += rest[0], ++i;
    }
  }
  return result;
}

std::vector<Token> lex(std::string_view text) {
  if (text.size() > kAnswerBytesMax) throw LimitReached("an answer that is longer than is read");
  return Lexer(text).run();
}

}  // namespace thespis::tasks::math
