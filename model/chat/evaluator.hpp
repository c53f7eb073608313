#pragma once
// Runs a parsed template: statements write to the output, expressions give values. Scopes are
// Jinja2's: for, with, macro, call, filter and set blocks have variables of their own, if has not;
// an assignment never reaches a block round its own.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat/arguments.hpp"
#include "model/chat/ast.hpp"
#include "model/chat/macro.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

class Evaluator {
 public:
  using Variables = std::vector<std::pair<std::string, Value>>;

  /// Borrows all three.
  Evaluator(Runtime& runtime, const Variables& variables) : runtime_(runtime), given_(variables) {}

  /// The output. Throws Fault; then line() is where.
  std::string run(const Block& block);
  uint32_t line() const { return line_; }

 private:
  enum class Flow : uint8_t { kOn, kBreak, kContinue };
  class Depth;
  class Inner;
  class Capture;

  Flow execute(const Block& block);
  Flow execute(const Data& node);
  Flow execute(const Output& node);
  Flow execute(const If& node);
  Flow execute(const For& node);
  Flow execute(const Set& node);
  Flow execute(const SetBlock& node);
  Flow execute(const DefineMacro& node);
  Flow execute(const CallBlock& node);
  Flow execute(const FilterBlock& node);
  Flow execute(const With& node);
  Flow execute(Jump node);
  /// Runs `body` in a scope of its own; `text` is what it wrote, where it came to its end.
  Flow capture(const Block& body, Value& text);
  void assign(const Target& target, Value value);
  Items filtered_items(const For& node);

  Value evaluate(const Expression& expression);
  Value evaluate(const ExpressionPtr& expression) { return evaluate(*expression); }
  Value evaluate_or_none(const ExpressionPtr& expression);
  Value apply(const Constant& node);
  Value apply(const Name& node);
  Value apply(const Unary& node);
  Value apply(const Binary& node);
  Value apply(const Logical& node);
  Value apply(const Concatenation& node);
  Value apply(const Compare& node);
  Value apply(const Conditional& node);
  Value apply(const ListLiteral& node);
  Value apply(const DictLiteral& node);
  Value apply(const AttributeOf& node);
  Value apply(const ItemOf& node);
  Value apply(const SliceOf& node);
  Value apply(const Call& node);
  Value apply(const Filtered& node);
  Value apply(const Tested& node);
  bool holds(Comparison comparison, const Value& left, const Value& right);
  Arguments evaluate(const ArgumentNodes& nodes);
  Value call(const Value& callee, Arguments arguments);
  Value call_macro(const Macro& macro, Arguments arguments);
  void bind(const MacroNode& macro, Arguments arguments);
  Value filter_text(const ExpressionPtr& filters, Value text);

  Runtime& runtime_;
  const Variables& given_;
  std::shared_ptr<Scope> scope_;
  Builder* out_ = nullptr;
  const Value* block_text_ = nullptr;  // What the filters of a block begin with.
  uint32_t line_ = 1;
  uint32_t depth_ = 0;
};

}  // namespace thespis::model::chat
