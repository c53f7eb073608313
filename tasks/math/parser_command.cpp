// What begins with a command: fractions, roots, functions, sets, matrices.

#include <algorithm>
#include <array>

#include "tasks/math/parser_state.hpp"

namespace thespis::tasks::math {
namespace {

constexpr std::array<std::string_view, 18> kTrigonometric = {
    "sin",    "cos",    "tan",    "cot",  "sec",  "csc",  "arcsin", "arccos", "arctan",
    "arccot", "arcsec", "arccsc", "sinh", "cosh", "tanh", "coth",   "sech",   "csch"};

constexpr std::array<std::string_view, 44> kLetters = {
    "alpha",     "beta",      "gamma",       "delta",    "epsilon", "zeta",   "eta",    "theta",
    "iota",      "kappa",     "lambda",      "mu",       "nu",      "xi",     "rho",    "sigma",
    "tau",       "upsilon",   "phi",         "chi",      "psi",     "omega",  "Gamma",  "Delta",
    "Theta",     "Lambda",    "Xi",          "Sigma",    "Phi",     "Psi",    "Omega",  "ell",
    "hbar",      "pi",        "Pi",          "triangle", "angle",   "square", "bullet", "clubsuit",
    "heartsuit", "spadesuit", "diamondsuit", "perp"};

constexpr std::array<std::string_view, 8> kOverSymbols = {"vec",   "overline", "bar",       "hat",
                                                          "tilde", "widehat",  "underline", "dot"};

template <size_t n>
bool is_in(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool is_trigonometric(std::string_view name) {
  return is_in(kTrigonometric, name);
}

Node Parser::command() {
  const std::string name = tokens_[at_].text;
  if (name == "{") return braces_of_set();
  if (name == "(" || name == "[") {  // \( and \[ inside an answer are brackets of its notation.
    fail("a formula inside a formula");
  }
  if (name == "|") return absolute();
  ++at_;
  if (name == "frac") {
    Node top = argument();
    Node bottom = argument();
    Node inverse = made(Kind::kPower, "", {std::move(bottom), make_number(-1)});
    return made(Kind::kProduct, "", {std::move(top), std::move(inverse)});
  }
  if (name == "sqrt") return root();
  if (name == "binom") {
    Node top = argument();
    return made(Kind::kCall, "binom", {std::move(top), argument()});
  }
  if (is_trigonometric(name)) return trigonometric(name);
  if (name == "log" || name == "ln" || name == "exp") return logarithm(name);
  if (name == "lfloor") return rounding("floor", "rfloor");
  if (name == "lceil") return rounding("ceil", "rceil");
  if (name == "langle") {
    const Deeper deeper(this);
    Node inner = list();
    if (!take_command("rangle")) fail("no \\rangle");
    if (inner.kind != Kind::kList) return inner;
    return made(Kind::kTuple, "()", std::move(inner.args));
  }
  if (name == "infty") return made(Kind::kInfinity, "", {});
  if (name == "emptyset") return made(Kind::kNamedSet, "empty", {});
  if (name == "mathbb" || name == "Bbb") {
    const std::string letter = raw_argument();
    return made(Kind::kNamedSet, letter, {});
  }
  if (name == "mathcal" || name == "mathscr" || name == "mathfrak")
    return made(Kind::kSymbol, raw_argument(), {});
  if (is_in(kOverSymbols, name))
    return made(Kind::kSymbol,
                std::string(name == "overline" ? "bar" : name) + ":" + raw_argument(), {});
  if (name == "max" || name == "min" || name == "gcd" || name == "lcm" || name == "det" ||
      name == "arg" || name == "Re" || name == "Im") {
    Node inner = function_argument();
    if (inner.kind == Kind::kTuple || inner.kind == Kind::kList)
      return made(Kind::kCall, name, std::move(inner.args));
    return made(Kind::kCall, name, {std::move(inner)});
  }
  if (name == "sum" || name == "prod" || name == "int" || name == "lim") return over_range(name);
  if (name == "begin") return environment();
  if (name == "circ" || name == "%") fail("a sign without a value");
  if (is_in(kLetters, name)) return made(Kind::kSymbol, name, {});
  --at_;
  fail("a command that answers do not use:");
}

/// A sum, product, integral or limit is not computed: the same one is equal to itself.
Node Parser::over_range(const std::string& name) {
  const Deeper deeper(this);
  std::string full = "over:" + name;
  while (at_sign('_') || at_sign('^')) {
    full += peek().text;
    ++at_;
    full += raw_argument();
  }
  return made(Kind::kCall, std::move(full), {product()});
}

Node Parser::root() {
  if (take_sign('[')) {
    const Deeper deeper(this);
    Node degree = list();
    expect_sign(']');
    Node radicand = argument();
    return made(Kind::kCall, "sqrt", {std::move(radicand), std::move(degree)});
  }
  // \sqrt3x is a root of 3, times x; sqrt(3) has brackets for braces.
  Node radicand = at_sign('(') ? bracketed() : argument();
  return made(Kind::kCall, "sqrt", {std::move(radicand), make_number(2)});
}

/// What a function without brackets is of: 2x in \sin 2x \cos y.
Node Parser::function_argument() {
  const Deeper deeper(this);
  if (at_sign('(') || at_sign('[')) return bracketed();
  if (at_sign('{')) return braced();
  if (take_sign('-')) {
    Node inner = function_argument();
    return made(Kind::kProduct, "", {make_number(-1), std::move(inner)});
  }
  std::vector<Node> factors;
  factors.push_back(factor());
  while (true) {
    const bool another_function = peek().lexeme == Lexeme::kCommand &&
                                  (is_trigonometric(peek().text) || peek().text == "log" ||
                                   peek().text == "ln" || peek().text == "sqrt");
    if (another_function || at_sign('(') || at_sign('[') || peek().lexeme == Lexeme::kWords) break;
    if (peek().lexeme == Lexeme::kNumber) break;
    if (take_sign('/')) {
      factors.push_back(made(Kind::kPower, "", {factor(), make_number(-1)}));
      continue;
    }
    if (!starts_factor()) break;
    factors.push_back(factor());
  }
  if (factors.size() == 1) return std::move(factors[0]);
  return made(Kind::kProduct, "", std::move(factors));
}

Node Parser::trigonometric(const std::string& name) {
  Node power = make_number(1);
  bool inverse = false;
  if (take_sign('^')) {
    power = at_sign('-') ? signed_factor() : argument();
    inverse = power.kind == Kind::kNumber && power.value == -1;
    if (power.kind == Kind::kProduct && power.args.size() == 2)
      inverse = power.args[0].value == -1 && power.args[1].kind == Kind::kNumber &&
                power.args[1].value == 1;
  }
  Node call = made(Kind::kCall, (inverse ? "arc" : "") + name, {function_argument()});
  if (inverse || (power.kind == Kind::kNumber && power.value == 1)) return call;
  return made(Kind::kPower, "", {std::move(call), std::move(power)});
}

Node Parser::logarithm(const std::string& name) {
  if (name == "log" && take_sign('_')) {
    Node base = argument();
    Node of = function_argument();
    return made(Kind::kCall, "log", {std::move(of), std::move(base)});
  }
  Node power = make_number(1);
  if (take_sign('^')) power = argument();
  // Without a base: the natural logarithm, as in higher mathematics and in the reference.
  Node call = made(Kind::kCall, name == "exp" ? "exp" : "ln", {function_argument()});
  if (power.kind == Kind::kNumber && power.value == 1) return call;
  return made(Kind::kPower, "", {std::move(call), std::move(power)});
}

/// \{...\}: elements, or what stands behind the bar of \{x | x > 1\}.
Node Parser::braces_of_set() {
  const Deeper deeper(this);
  ++at_;
  const auto closed = [&] { return take_command("}") || take_sign('}'); };
  if (closed()) return made(Kind::kNamedSet, "empty", {});
  const uint32_t bars = bars_;
  bars_ = 1;  // A bar parts here; |x| inside a set needs brackets of its own.
  Node inner = list();
  if (take_command("|") || take_sign('|') || take_sign(':')) {
    bars_ = bars;
    Node condition = list();
    if (!closed()) fail("no closing brace of the set");
    return condition;
  }
  bars_ = bars;
  if (inner.kind == Kind::kCall && inner.name == "ratio" && closed()) return inner.args[1];
  if (!closed()) fail("no closing brace of the set");
  if (inner.kind == Kind::kList && inner.name.empty()) {
    inner.name = "{}";
    return inner;
  }
  std::vector<Node> args;
  args.push_back(std::move(inner));
  return made(Kind::kList, "{}", std::move(args));
}

Node Parser::environment() {
  const std::string name = raw_argument();
  if (name == "array" && at_sign('{')) raw_argument();
  static constexpr std::array<std::string_view, 9> kKnown = {"matrix",      "pmatrix", "bmatrix",
                                                             "vmatrix",     "Bmatrix", "Vmatrix",
                                                             "smallmatrix", "array",   "cases"};
  if (!is_in(kKnown, name)) fail("an environment that answers do not use: " + name);
  return rows(name);
}

Node Parser::rows(const std::string& name) {
  const Deeper deeper(this);
  std::vector<Node> entries;
  size_t columns = 0, row_begin = 0;
  const auto end_row = [&] {
    const size_t width = entries.size() - row_begin;
    if (columns != 0 && width != columns) fail("rows of different lengths");
    columns = width;
    row_begin = entries.size();
  };
  while (true) {
    while (take_command("hline")) {
    }
    if (at_command("end")) break;
    if (entries.size() == kMatrixEntriesMax)
      throw LimitReached("a matrix of more entries than are read");
    entries.push_back(list());
    if (take_sign('&')) continue;
    end_row();
    if (!take_command("\\")) break;
  }
  if (row_begin != entries.size()) end_row();
  if (!take_command("end")) fail("no \\end");
  if (raw_argument() != name) fail("another \\end than the \\begin");
  if (entries.empty()) fail("an empty matrix");
  if (name == "cases") return made(Kind::kList, "", std::move(entries));
  Node matrix = made(Kind::kMatrix, std::to_string(columns), std::move(entries));
  if (name == "vmatrix") return made(Kind::kCall, "det", {std::move(matrix)});
  return matrix;
}

Node Parser::rounding(const std::string& name, const std::string& end) {
  const Deeper deeper(this);
  Node inner = list();
  if (!take_command(end)) fail("no closing \\" + end);
  return made(Kind::kCall, name, {std::move(inner)});
}

}  // namespace thespis::tasks::math
