#pragma once
// The recursive descent over the tokens of one answer; parser.hpp is what others call. Methods are
// named for what they read. Files: parser.cpp lists, relations, sums, products; parser_factor.cpp
// powers and what they are made of; parser_command.cpp what begins with a command.

#include <string>
#include <string_view>
#include <vector>

#include "tasks/math/lexer.hpp"
#include "tasks/math/limits.hpp"
#include "tasks/math/parser.hpp"

namespace thespis::tasks::math {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Node whole();

 private:
  /// One group inside another, as long as it lives.
  class Deeper {
   public:
    explicit Deeper(Parser* parser);
    ~Deeper() { --parser_->depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Parser* parser_;
  };

  [[noreturn]] void fail(const std::string& what) const;
  const Token& peek(size_t ahead = 0) const;
  bool at_sign(char c) const;
  bool at_command(std::string_view name) const;
  bool take_sign(char c);
  bool take_command(std::string_view name);
  bool at_bracket(char c) const { return at_sign(c) || at_command(std::string_view(&c, 1)); }
  void expect_sign(char c);

  // parser.cpp
  bool take_separator();
  char relation_sign() const;
  Node list();
  Node relation();
  Node set_sum();
  Node sum();
  Node product();
  bool starts_factor() const;
  Node mixed_number(Node whole_part);

  // parser_factor.cpp
  Node signed_factor();
  Node factor();
  Node postfix(Node node);
  Node exponent(Node base);
  Node primary();
  Node number();
  Node letter();
  Node words();
  Node absolute();
  Node bracketed();
  Node braced();
  Node argument();  ///< {...}, or one token, as TeX takes it.
  std::string subscript();

  // parser_command.cpp
  Node command();
  Node over_range(const std::string& name);
  Node root();
  Node trigonometric(const std::string& name);
  Node logarithm(const std::string& name);
  Node function_argument();
  Node braces_of_set();
  Node environment();
  Node rows(const std::string& name);
  Node rounding(const std::string& name, const std::string& end);
  std::string raw_argument();
  Node made(Kind kind, std::string name, std::vector<Node> args);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t nodes_ = 0;
  uint32_t depth_ = 0;
  uint32_t bars_ = 0;  ///< Open |...|, inside which a | closes.
  bool in_cell_ = false;
};

}  // namespace thespis::tasks::math
