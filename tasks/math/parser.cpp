// See parser_state.hpp.

#include "tasks/math/parser.hpp"

#include <algorithm>

#include "tasks/math/parser_state.hpp"

namespace thespis::tasks::math {

bool is_decimal(const Node& node) {
  if (node.kind == Kind::kNumber) return node.decimal;
  if (node.kind == Kind::kPercent) return is_decimal(node.args[0]);
  return node.kind == Kind::kProduct && node.args.size() == 2 &&
         node.args[0].kind == Kind::kNumber && node.args[0].value == -1 && is_decimal(node.args[1]);
}

Parser::Deeper::Deeper(Parser* parser) : parser_(parser) {
  if (parser_->depth_ == kDepthMax)
    throw LimitReached("more groups inside one another than are read");
  ++parser_->depth_;
}

void Parser::fail(const std::string& what) const {
  const Token& token = peek();
  throw SyntaxError(what + (token.lexeme == Lexeme::kEnd
                                ? " at the end"
                                : " at '" + token.text.substr(0, 40) + "'"));
}

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool Parser::at_sign(char c) const {
  return peek().lexeme == Lexeme::kSign && peek().text[0] == c;
}

bool Parser::at_command(std::string_view name) const {
  return peek().lexeme == Lexeme::kCommand && peek().text == name;
}

bool Parser::take_sign(char c) {
  const bool taken = at_sign(c);
  if (taken) ++at_;
  return taken;
}

bool Parser::take_command(std::string_view name) {
  const bool taken = at_command(name);
  if (taken) ++at_;
  return taken;
}

void Parser::expect_sign(char c) {
  if (!take_sign(c)) fail(std::string("no '") + c + "'");
}

Node Parser::made(Kind kind, std::string name, std::vector<Node> args) {
  if (++nodes_ > kNodesMax) throw LimitReached("an answer of more parts than are read");
  return make_node(kind, std::move(name), std::move(args));
}

Node Parser::whole() {
  while (take_separator() || take_sign(':') || take_command("implies")) {
  }
  Node node = list();
  while (take_sign('.') || take_sign(';') || take_separator() || take_sign('!') || take_sign(':') ||
         take_command("dots")) {
  }
  if (peek().lexeme != Lexeme::kEnd) fail("something that is no part of an answer");
  return node;
}

/// What parts the elements of a list.
bool Parser::take_separator() {
  return take_sign(',') || take_command("and") || take_command("or");
}

char Parser::relation_sign() const {
  const Token& token = peek();
  if (token.lexeme == Lexeme::kSign && token.text == "=") return kEqual;
  if (token.lexeme != Lexeme::kCommand) return '\0';
  if (token.text == "<") return kLess;
  if (token.text == ">") return kGreater;
  if (token.text == "le") return kAtMost;
  if (token.text == "ge") return kAtLeast;
  if (token.text == "ne") return kUnequal;
  if (token.text == "approx" || token.text == "cong") return kAbout;
  if (token.text == "equiv" || token.text == "implies") return kEqual;
  if (token.text == "in") return kElementOf;
  return '\0';
}

/// Lists of lists where both kinds of separators part them: p=5, q=2; p=7, q=2.
Node Parser::list() {
  const Deeper deeper(this);
  std::vector<Node> rows(1), elements;
  bool commas = false;
  elements.push_back(relation());
  const auto end_row = [&] {
    commas |= elements.size() > 1;
    rows.back() =
        elements.size() == 1 ? std::move(elements[0]) : made(Kind::kList, "", std::move(elements));
    elements.clear();
  };
  while (true) {
    bool separated = false, row_ends = false;
    while (at_sign(';') || take_separator()) separated = true, row_ends |= take_sign(';');
    if (!separated) break;
    const Token& next = peek();
    if (next.lexeme == Lexeme::kEnd || at_bracket(')') || at_bracket(']') || at_bracket('}') ||
        at_sign('.'))
      break;
    if (take_command("dots")) continue;
    if (row_ends) {
      end_row();
      rows.emplace_back();
    }
    if (elements.size() == kListMax || rows.size() == kListMax)
      throw LimitReached("a list of more elements than are read");
    elements.push_back(relation());
  }
  end_row();
  if (rows.size() == 1) return std::move(rows[0]);
  return made(Kind::kList, commas ? "rows" : "", std::move(rows));
}

Node Parser::relation() {
  std::vector<Node> sides;
  std::string signs;
  // "= 5" goes on from a question: what stands before the sign is not there.
  while (relation_sign() == kEqual || relation_sign() == kAbout) ++at_;
  sides.push_back(set_sum());
  while (const char sign = relation_sign()) {
    ++at_;
    if (sign == kEqual && at_sign('=')) ++at_;
    signs += sign;
    sides.push_back(set_sum());
  }
  if (take_sign(':')) {
    sides.back() = made(Kind::kCall, "ratio", {std::move(sides.back()), set_sum()});
    if (relation_sign() != '\0') {
      signs += relation_sign();
      ++at_;
      sides.push_back(set_sum());
    }
  }
  // x = 1/3, about 0.33: what is exact counts.
  while (signs.size() > 1 && signs.back() == kAbout && signs.find(kEqual) != signs.npos) {
    signs.pop_back();
    sides.pop_back();
  }
  if (sides.size() == 1) return std::move(sides[0]);
  return made(Kind::kRelation, std::move(signs), std::move(sides));
}

Node Parser::set_sum() {
  Node left = sum();
  while (at_command("cup") || at_command("cap") || at_command("setminus")) {
    const std::string name = at_command("cup") ? "u" : at_command("cap") ? "n" : "\\";
    ++at_;
    left = made(Kind::kSetSum, name, {std::move(left), sum()});
  }
  return left;
}

Node Parser::sum() {
  std::vector<Node> terms;
  const auto negative = [&](Node node) {
    std::vector<Node> args;
    args.push_back(make_number(-1));
    args.push_back(std::move(node));
    return made(Kind::kProduct, "", std::move(args));
  };
  bool first = true;
  while (true) {
    if (take_command("pm")) {
      terms.push_back(made(Kind::kPlusMinus, "+", {product()}));
    } else if (take_command("mp")) {
      terms.push_back(made(Kind::kPlusMinus, "-", {product()}));
    } else if (take_sign('-')) {
      terms.push_back(negative(product()));
    } else if (take_sign('+')) {
      terms.push_back(product());
    } else if (first) {
      terms.push_back(product());
    } else {
      break;
    }
    first = false;
  }
  if (terms.size() == 1) return std::move(terms[0]);
  return made(Kind::kSum, "", std::move(terms));
}

bool Parser::starts_factor() const {
  const Token& token = peek();
  switch (token.lexeme) {
    case Lexeme::kNumber:
    case Lexeme::kLetter:
    case Lexeme::kWords:
      return true;
    case Lexeme::kSign:
      return token.text[0] == '(' || token.text[0] == '[' || token.text[0] == '{' ||
             (token.text[0] == '|' && bars_ == 0);
    case Lexeme::kCommand: {
      static constexpr std::string_view kNone[] = {
          "cup",  "cap",  "setminus", "and",   "or",     "pm",      "mp",  "times", "cdot",  "div",
          "}",    ")",    "]",        "%",     "\\",     "implies", "end", "dots",  "bmod",  "mod",
          "pmod", "circ", "rfloor",   "rceil", "rangle", "prime",   ":",   "|",     "rgroup"};
      return relation_sign() == '\0' &&
             std::find(std::begin(kNone), std::end(kNone), token.text) == std::end(kNone);
    }
    case Lexeme::kEnd:
      return false;
  }
  return false;
}

Node Parser::mixed_number(Node whole_part) {
  Node fraction = factor();
  return made(Kind::kSum, "", {std::move(whole_part), std::move(fraction)});
}

Node Parser::product() {
  std::vector<Node> factors;
  factors.push_back(signed_factor());
  while (true) {
    if (take_command("times") || take_command("cdot") || take_sign('*')) {
      factors.push_back(signed_factor());
    } else if (take_command("div") || take_sign('/')) {
      Node divisor = signed_factor();
      // 1/2\pi is half of pi, but 1/2x is read so too: left to right, as computers do.
      factors.push_back(made(Kind::kPower, "", {std::move(divisor), make_number(-1)}));
    } else if (take_command("bmod") || take_command("mod")) {
      Node left = made(Kind::kProduct, "", std::move(factors));
      factors.clear();
      factors.push_back(made(Kind::kCall, "mod", {std::move(left), signed_factor()}));
    } else if (at_command("pmod")) {
      ++at_;
      Node left = made(Kind::kProduct, "", std::move(factors));
      factors.clear();
      factors.push_back(made(Kind::kCall, "pmod", {std::move(left), argument()}));
    } else if (starts_factor()) {
      const bool whole_before = factors.back().kind == Kind::kNumber && !factors.back().decimal &&
                                factors.back().args.empty() && factors.size() == 1;
      const bool number_next = peek().lexeme == Lexeme::kNumber;
      if (number_next && factors.back().kind == Kind::kNumber) {
        // "1 1/2"; two numbers side by side mean nothing else.
        const bool mixed = whole_before && peek(1).text == "/" && peek(2).lexeme == Lexeme::kNumber;
        if (!mixed) fail("two numbers side by side");
        Node top = number();
        ++at_;
        Node bottom = number();
        if (top.value >= bottom.value) fail("two numbers side by side");
        if (bottom.value == 0) throw NoValue("a division by zero");
        factors.back().value += top.value / bottom.value;
        continue;
      }
      if (whole_before && at_command("frac") && tokens_[at_ - 1].lexeme == Lexeme::kNumber) {
        Node fraction = factor();
        const bool plain =
            fraction.kind == Kind::kProduct && fraction.args.size() == 2 &&
            fraction.args[0].kind == Kind::kNumber && fraction.args[1].kind == Kind::kPower &&
            fraction.args[1].args[0].kind == Kind::kNumber && fraction.args[1].args[0].value != 0;
        if (plain)
          factors.back().value += fraction.args[0].value / fraction.args[1].args[0].value;
        else
          factors.push_back(std::move(fraction));
        continue;
      }
      factors.push_back(factor());
    } else {
      break;
    }
  }
  // A unit or a remark behind a value: 15\text{ cm}^2.
  while (factors.size() > 1) {
    const Node& last = factors.back();
    const bool remark =
        last.kind == Kind::kText || (last.kind == Kind::kPower && last.args[0].kind == Kind::kText);
    if (!remark) break;
    factors.pop_back();
  }
  if (factors.size() == 1) return std::move(factors[0]);
  return made(Kind::kProduct, "", std::move(factors));
}

Node parse(std::string_view text) {
  return Parser(lex(plain_latex(text))).whole();
}

}  // namespace thespis::tasks::math
