// Expressions.

#include "model/chat/evaluator.hpp"
#include "model/chat/evaluator_base.hpp"
#include "model/chat/filters.hpp"
#include "model/chat/functions.hpp"
#include "model/chat/methods.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"
#include "model/chat/tests.hpp"

namespace thespis::model::chat {

Value Evaluator::evaluate(const Expression& expression) {
  const Depth depth(*this);
  line_ = expression.line;
  runtime_.step();
  return std::visit([this](const auto& node) { return apply(node); }, expression.node);
}

Value Evaluator::evaluate_or_none(const ExpressionPtr& expression) {
  return expression == nullptr ? Value::none() : evaluate(expression);
}

Value Evaluator::apply(const Constant& node) {
  return node.value;
}

Value Evaluator::apply(const Name& node) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    runtime_.find(node.name, scope->variables.size());
    if (const Value* found = scope->find(node.name)) return *found;
  }
  runtime_.find(node.name, given_.size());
  for (const auto& [name, value] : given_)
    if (name == node.name) return value;
  if (const auto function = find_function(node.name, runtime_)) return Value(*function);
  for (const std::string_view known : {"cycler", "joiner", "lipsum"})
    if (node.name == known)
      return runtime_.undefined(fmt::format("the function `{}` is not supported", node.name));
  return runtime_.undefined(fmt::format("'{}' is undefined", node.name));
}

Value Evaluator::apply(const Unary& node) {
  const Value operand = evaluate(node.operand);
  if (node.sign == Sign::kNot) return Value(!truth(operand));
  return node.sign == Sign::kMinus ? negative(operand) : positive(operand);
}

Value Evaluator::apply(const Binary& node) {
  const uint32_t line = line_;
  const Value left = evaluate(node.left), right = evaluate(node.right);
  line_ = line;
  return arithmetic(runtime_, node.operation, left, right);
}

Value Evaluator::apply(const Logical& node) {
  Value left = evaluate(node.left);
  if (truth(left) != node.is_and) return left;
  return evaluate(node.right);
}

Value Evaluator::apply(const Concatenation& node) {
  Items parts;
  for (const auto& part : node.parts) parts.push_back(evaluate(part));
  Builder out(runtime_);
  for (const Value& part : parts) out.add(str(runtime_, part));
  return out.take();
}

bool Evaluator::holds(Comparison comparison, const Value& left, const Value& right) {
  switch (comparison) {
    case Comparison::kEqual:
      return equal(runtime_, left, right);
    case Comparison::kNotEqual:
      return !equal(runtime_, left, right);
    case Comparison::kIn:
      return contains(runtime_, right, left);
    case Comparison::kNotIn:
      return !contains(runtime_, right, left);
    default:
      return compare(
          runtime_,
          static_cast<Order>(static_cast<int>(comparison) - static_cast<int>(Comparison::kLess)),
          left, right);
  }
}

Value Evaluator::apply(const Compare& node) {
  const uint32_t line = line_;
  Value left = evaluate(node.first);
  for (const auto& [comparison, operand] : node.rest) {
    Value right = evaluate(operand);
    line_ = line;
    if (!holds(comparison, left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Evaluator::apply(const Conditional& node) {
  const uint32_t line = line_;
  if (truth(evaluate(node.condition))) return evaluate(node.yes);
  if (node.no != nullptr) return evaluate(node.no);
  return runtime_.undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was "
                  "defined.",
                  line));
}

Value Evaluator::apply(const ListLiteral& node) {
  Items items;
  for (const auto& item : node.items) items.push_back(evaluate(item));
  return node.tuple ? runtime_.tuple(std::move(items)) : runtime_.list(std::move(items));
}

Value Evaluator::apply(const DictLiteral& node) {
  Dict dict;
  for (const auto& [key_node, value_node] : node.entries) {
    const Value key = evaluate(key_node);
    check_key(key);
    runtime_.set(dict, key, evaluate(value_node));
  }
  return runtime_.dict(std::move(dict));
}

Value Evaluator::apply(const AttributeOf& node) {
  const uint32_t line = line_;
  const Value object = evaluate(node.object);
  line_ = line;
  return attribute(runtime_, object, node.name);
}

Value Evaluator::apply(const ItemOf& node) {
  const uint32_t line = line_;
  const Value object = evaluate(node.object), index = evaluate(node.index);
  line_ = line;
  return item(runtime_, object, index);
}

Value Evaluator::apply(const SliceOf& node) {
  const uint32_t line = line_;
  const Value object = evaluate(node.object), start = evaluate_or_none(node.start),
              stop = evaluate_or_none(node.stop), step = evaluate_or_none(node.step);
  line_ = line;
  return slice(runtime_, object, start, stop, step);
}

Arguments Evaluator::evaluate(const ArgumentNodes& nodes) {
  Arguments arguments;
  for (const auto& one : nodes.positional) arguments.positional.push_back(evaluate(one));
  for (const auto& [name, one] : nodes.named) arguments.named.emplace_back(name, evaluate(one));
  if (nodes.star != nullptr)
    for (Value& one : iterate(runtime_, evaluate(nodes.star)))
      arguments.positional.push_back(std::move(one));
  if (nodes.double_star != nullptr) {
    const Value value = evaluate(nodes.double_star);
    if (value.dict() == nullptr) throw Fault("argument after ** must be a mapping");
    runtime_.make(value.dict()->entries.size() * sizeof(Value));
    for (const auto& [key, one] : value.dict()->entries) {
      if (!key.is(Kind::kText)) throw Fault("keywords must be strings");
      arguments.named.emplace_back(key.str(), one);
    }
  }
  return arguments;
}

Value Evaluator::apply(const Call& node) {
  const uint32_t line = line_;
  const Value callee = evaluate(node.callee);
  Arguments arguments = evaluate(node.arguments);
  line_ = line;
  return call(callee, std::move(arguments));
}

Value Evaluator::call(const Value& callee, Arguments arguments) {
  if (const auto* function = callee.get_if<Function>())
    return call_function(runtime_, *function, std::move(arguments));
  if (const auto* method = callee.get_if<std::shared_ptr<const Method>>())
    return call_method(runtime_, **method, std::move(arguments));
  if (const auto* macro = callee.get_if<std::shared_ptr<const Macro>>())
    return call_macro(**macro, std::move(arguments));
  if (callee.is(Kind::kUndefined)) fail_undefined(callee);
  if (callee.is(Kind::kLoop)) throw Fault("recursive loops are not supported");
  throw Fault(fmt::format("'{}' object is not callable", type_name(callee)));
}

Value Evaluator::call_macro(const Macro& macro, Arguments arguments) {
  const auto scope = macro.scope.lock();
  if (scope == nullptr)
    throw Fault(fmt::format("the macro '{}' is called outside of the block that defines it",
                            macro.node->name));
  const Depth depth(*this);
  runtime_.make(sizeof(Scope));
  const Inner inner(*this, scope);
  bind(*macro.node, std::move(arguments));
  Capture capture(*this);
  execute(macro.node->body);
  return capture.take();
}

void Evaluator::bind(const MacroNode& macro, Arguments arguments) {
  const auto take_named = [&](std::string_view name) -> std::optional<Value> {
    runtime_.find(name, arguments.named.size());
    for (size_t i = 0; i < arguments.named.size(); ++i) {
      if (arguments.named[i].first != name) continue;
      Value value = std::move(arguments.named[i].second);
      arguments.named.erase(arguments.named.begin() + static_cast<std::ptrdiff_t>(i));
      return value;
    }
    return std::nullopt;
  };
  const size_t count = macro.parameters.size(), given = arguments.positional.size();
  std::vector<const Parameter*> absent;
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = macro.parameters[i];
    runtime_.find(parameter.name, scope_->variables.size());
    std::optional<Value> value =
        i < given ? std::move(arguments.positional[i]) : take_named(parameter.name);
    if (value)
      scope_->set(parameter.name, *std::move(value));
    else
      absent.push_back(&parameter);
  }
  if (macro.uses_caller) {
    auto caller = take_named("caller");
    scope_->set("caller", caller ? *std::move(caller) : runtime_.undefined("No caller defined"));
  }
  if (macro.uses_kwargs) {
    Dict rest;
    for (auto& [name, value] : arguments.named)
      runtime_.set(rest, runtime_.text(name), std::move(value));
    scope_->set("kwargs", runtime_.dict(std::move(rest)));
  } else if (!arguments.named.empty()) {
    throw Fault(fmt::format("macro '{}' takes no keyword argument '{}'", macro.name,
                            arguments.named.front().first));
  }
  if (macro.uses_varargs) {
    Items rest;
    for (size_t i = count; i < given; ++i) rest.push_back(std::move(arguments.positional[i]));
    scope_->set("varargs", runtime_.tuple(std::move(rest)));
  } else if (given > count) {
    throw Fault(fmt::format("macro '{}' takes not more than {} argument(s)", macro.name, count));
  }
  for (const Parameter* parameter : absent) {
    runtime_.find(parameter->name, scope_->variables.size());
    scope_->set(parameter->name, parameter->absent != nullptr
                                     ? evaluate(parameter->absent)
                                     : runtime_.undefined(fmt::format(
                                           "parameter '{}' was not provided", parameter->name)));
  }
}

Value Evaluator::apply(const Filtered& node) {
  const uint32_t line = line_;
  if (node.filter == nullptr)
    throw Fault(fmt::format("the filter `{}` is not supported", node.name));
  const Value input = node.input == nullptr ? *block_text_ : evaluate(node.input);
  Arguments arguments = evaluate(node.arguments);
  line_ = line;
  return apply_filter(runtime_, *node.filter, input, std::move(arguments));
}

Value Evaluator::apply(const Tested& node) {
  const uint32_t line = line_;
  if (node.test == nullptr) throw Fault(fmt::format("the test `{}` is not supported", node.name));
  const Value input = evaluate(node.input);
  Arguments arguments = evaluate(node.arguments);
  line_ = line;
  return Value(apply_test(runtime_, *node.test, input, std::move(arguments)));
}

}  // namespace thespis::model::chat
