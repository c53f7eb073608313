#pragma once
// A parsed template. Nodes are built by the parser and never change; whoever runs one borrows it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "model/chat/operators.hpp"

namespace thespis::model::chat {

struct FilterEntry;
struct TestEntry;
struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;  ///< nullptr: left out, where that is allowed.

struct Constant {
  Value value;
};
struct Name {
  std::string name;
};
enum class Sign : uint8_t { kNot, kMinus, kPlus };
struct Unary {
  Sign sign;
  ExpressionPtr operand;
};
struct Binary {
  Arithmetic operation;
  ExpressionPtr left, right;
};
/// `and`, `or`: gives one of its operands.
struct Logical {
  bool is_and;
  ExpressionPtr left, right;
};
/// a ~ b ~ c
struct Concatenation {
  std::vector<ExpressionPtr> parts;
};
enum class Comparison : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,
  kNotIn,
};
/// a < b < c
struct Compare {
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Conditional {
  ExpressionPtr condition, yes, no;
};
struct ListLiteral {
  bool tuple;
  std::vector<ExpressionPtr> items;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct AttributeOf {
  ExpressionPtr object;
  std::string name;
};
struct ItemOf {
  ExpressionPtr object, index;
};
struct SliceOf {
  ExpressionPtr object, start, stop, step;
};
struct ArgumentNodes {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, double_star;
};
struct Call {
  ExpressionPtr callee;
  ArgumentNodes arguments;
};
struct Filtered {
  ExpressionPtr input;  ///< None at the bottom of a block's filters: there the block's text is.
  const FilterEntry* filter;  ///< nullptr: not supported.
  std::string name;
  ArgumentNodes arguments;
};
struct Tested {
  ExpressionPtr input;
  const TestEntry* test;  ///< nullptr: not supported.
  std::string name;
  ArgumentNodes arguments;
};

struct Expression {
  uint32_t line = 0;
  uint32_t depth = 1;  ///< 1 + that of the deepest operand.
  std::variant<Constant, Name, Unary, Binary, Logical, Concatenation, Compare, Conditional,
               ListLiteral, DictLiteral, AttributeOf, ItemOf, SliceOf, Call, Filtered, Tested>
      node;
};

struct Statement;
using Block = std::vector<Statement>;

/// What is assigned to: a variable, an attribute of a namespace, or several of them.
struct Target {
  std::string name;
  std::string attribute;      ///< Empty: the variable itself.
  std::vector<Target> parts;  ///< Not empty: a tuple of these, and no name.
};

struct Data {
  std::string text;
};
struct Output {
  ExpressionPtr expression;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExpressionPtr items, filter;
  Block body, otherwise;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filters;
  Block body;
};
struct Parameter {
  std::string name;
  ExpressionPtr absent;  ///< The default.
};
/// Of {% macro %}, and of the body of {% call %}.
struct MacroNode {
  std::string name;
  std::vector<Parameter> parameters;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
  Block body;
};
struct DefineMacro {
  std::unique_ptr<MacroNode> macro;
};
struct CallBlock {
  std::unique_ptr<MacroNode> caller;
  ExpressionPtr call;
};
struct FilterBlock {
  ExpressionPtr filters;
  Block body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> variables;
  Block body;
};
enum class Jump : uint8_t { kBreak, kContinue };

struct Statement {
  uint32_t line = 0;
  std::variant<Data, Output, If, For, Set, SetBlock, DefineMacro, CallBlock, FilterBlock, With,
               Jump>
      node;
};

}  // namespace thespis::model::chat
