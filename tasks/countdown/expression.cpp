// Recursive descent: a sum is terms with + or - between them, a term is factors with * or / between
// them, a factor is a number or a sum in brackets.

#include "tasks/countdown/expression.hpp"

#include <optional>

#include "runtime/base/assert.hpp"

namespace thespis::tasks {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Evaluation run() {
    Evaluation result;
    const auto value = sum();
    if (value && peek() != kEnd) fail(ExpressionOutcome::kSyntax);
    result.outcome = failure_.value_or(ExpressionOutcome::kValue);
    if (failure_) return result;
    result.value = *value;
    result.numbers = std::move(numbers_);
    return result;
  }

 private:
  static constexpr char kEnd = '\0';  // A NUL in the text is no symbol either.

  std::nullopt_t fail(ExpressionOutcome outcome) {
    if (!failure_) failure_ = outcome;
    return std::nullopt;
  }

  /// The next symbol's first byte, or kEnd.
  char peek() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    if (at_ == text_.size()) return kEnd;
    if (text_[at_] == kEnd) fail(ExpressionOutcome::kSyntax);
    return text_[at_];
  }

  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  std::optional<Rational> sum() {
    auto left = term();
    while (left && (peek() == '+' || peek() == '-')) {
      const char op = text_[at_++];
      const auto right = term();
      if (!right) return std::nullopt;
      left = op == '+' ? add(*left, *right) : subtract(*left, *right);
      if (!left) return fail(ExpressionOutcome::kOverflow);
    }
    return left;
  }

  std::optional<Rational> term() {
    auto left = factor();
    while (left && (peek() == '*' || peek() == '/')) {
      const char op = text_[at_++];
      const auto right = factor();
      if (!right) return std::nullopt;
      if (op == '/' && right->is_zero()) return fail(ExpressionOutcome::kDivisionByZero);
      left = op == '*' ? multiply(*left, *right) : divide(*left, *right);
      if (!left) return fail(ExpressionOutcome::kOverflow);
    }
    return left;
  }

  std::optional<Rational> factor() {
    const char first = peek();
    if (is_digit(first)) return number();
    if (first != '(') return fail(ExpressionOutcome::kSyntax);
    if (depth_ == kExpressionDepthMax) return fail(ExpressionOutcome::kTooDeep);
    ++at_, ++depth_;
    const auto inner = sum();
    if (!inner) return std::nullopt;
    if (peek() != ')') return fail(ExpressionOutcome::kSyntax);
    ++at_, --depth_;
    return inner;
  }

  std::optional<Rational> number() {
    const size_t begin = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_)
      if (__builtin_mul_overflow(value, int64_t{10}, &value) ||
          __builtin_add_overflow(value, int64_t{text_[at_] - '0'}, &value))
        return fail(ExpressionOutcome::kOverflow);
    if (text_[begin] == '0' && at_ - begin > 1) return fail(ExpressionOutcome::kSyntax);
    numbers_.push_back(value);
    return Rational{value, 1};
  }

  std::string_view text_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
  std::vector<int64_t> numbers_;
  std::optional<ExpressionOutcome> failure_;
};

}  // namespace

Evaluation evaluate(std::string_view text) {
  if (text.size() > kExpressionBytesMax) return {ExpressionOutcome::kTooLong, {}, {}};
  return Parser(text).run();
}

std::string_view describe(ExpressionOutcome outcome) {
  switch (outcome) {
    case ExpressionOutcome::kValue:
      return "a value";
    case ExpressionOutcome::kSyntax:
      return "a syntax error";
    case ExpressionOutcome::kDivisionByZero:
      return "a division by zero";
    case ExpressionOutcome::kOverflow:
      return "a number beyond 64 bits";
    case ExpressionOutcome::kTooLong:
      return "too long";
    case ExpressionOutcome::kTooDeep:
      return "too many brackets inside one another";
  }
  THESPIS_ASSERT(false);
}

}  // namespace thespis::tasks
