#pragma once
// The part of the parser that reads expressions.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat/ast.hpp"
#include "model/chat/lexer.hpp"

namespace thespis::model::chat {

/// What stands for a token in a message.
std::string describe(const Token& token);

class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  [[noreturn]] void fail(std::string what) const { throw SyntaxError{current().line, what}; }
  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void next() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool take_name(std::string_view name);
  bool take_operator(std::string_view symbol);
  void expect_operator(std::string_view symbol);
  void expect_name(std::string_view name);
  std::string expect_any_name();
  void expect(TokenType type, std::string_view what);

  ExpressionPtr parse_expression(bool may_be_conditional = true);
  /// One expression, or several with commas between them, as a tuple. `stop`: a name that ends it.
  ExpressionPtr parse_tuple(bool may_be_conditional, std::string_view stop, bool may_be_empty);
  ArgumentNodes parse_arguments();
  /// Filters behind `input`: | a | b(c). With `first_without_bar` the first one has no bar.
  ExpressionPtr parse_filters(ExpressionPtr input, bool first_without_bar);

  /// A filter or test that is not supported, where only a branch that may not be taken needs it:
  /// then it is refused when it is reached. Elsewhere complain() refuses it at once.
  std::optional<SyntaxError> unknown_;
  void complain() {
    if (unknown_) throw *unknown_;
  }

  /// Names that were read since the parser began: what a macro uses of its special variables.
  bool uses_varargs_ = false, uses_kwargs_ = false, uses_caller_ = false;

  /// Counts one level of nesting while it lives.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

 private:
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr node);
  ExpressionPtr parse_subscript(ExpressionPtr node);
  ExpressionPtr parse_call(ExpressionPtr node);
  ExpressionPtr parse_test(ExpressionPtr node);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t level_ = 0;
};

}  // namespace thespis::model::chat
