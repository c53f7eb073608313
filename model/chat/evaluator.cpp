// Statements.

#include "model/chat/evaluator.hpp"

#include <algorithm>

#include "model/chat/evaluator_base.hpp"
#include "model/chat/filters.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"

namespace thespis::model::chat {

const Value* Scope::find(std::string_view name) const {
  for (const auto& [known, value] : variables)
    if (known == name) return &value;
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [known, held] : variables)
    if (known == name) {
      held = std::move(value);
      return;
    }
  variables.emplace_back(name, std::move(value));
}

std::string_view name_of(const Macro& macro) {
  return macro.node->name;
}

std::string Evaluator::run(const Block& block) {
  Builder out(runtime_);
  out_ = &out;
  scope_ = std::make_shared<Scope>();
  execute(block);
  return out.take_string();
}

Evaluator::Flow Evaluator::execute(const Block& block) {
  const Depth depth(*this);
  for (const Statement& statement : block) {
    line_ = statement.line;
    runtime_.step();
    const Flow flow =
        std::visit([this](const auto& node) { return execute(node); }, statement.node);
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const Data& node) {
  out_->add(node.text);
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const Output& node) {
  const Value value = evaluate(node.expression);
  if (value.is(Kind::kText))
    out_->add(value.str());
  else
    out_->add(str(runtime_, value));
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const If& node) {
  for (const auto& [condition, body] : node.branches)
    if (truth(evaluate(condition))) return execute(body);
  return execute(node.otherwise);
}

Items Evaluator::filtered_items(const For& node) {
  Items items = iterate(runtime_, evaluate(node.items));
  if (node.filter == nullptr) return items;
  Items kept;
  for (Value& item : items) {
    const Inner inner(*this);
    runtime_.step();
    assign(node.target, item);
    if (truth(evaluate(node.filter))) kept.push_back(std::move(item));
  }
  return kept;
}

Evaluator::Flow Evaluator::execute(const For& node) {
  const auto loop = std::make_shared<Loop>();
  loop->items = filtered_items(node);
  loop->depth = depth_over(loop->items);
  const size_t count = loop->items.size();
  bool whole = false;
  for (; loop->index < count; ++loop->index) {
    const Inner inner(*this);
    runtime_.step();
    runtime_.make(sizeof(Scope));
    scope_->set("loop", Value(loop));
    assign(node.target, loop->items[loop->index]);
    const Flow flow = execute(node.body);
    if (flow == Flow::kBreak) break;
    whole = whole || flow == Flow::kOn;
  }
  if (whole) return Flow::kOn;  // Unlike Python, Jinja2 asks whether a body came to its end.
  const Inner inner(*this);
  return execute(node.otherwise);
}

void Evaluator::assign(const Target& target, Value value) {
  if (target.parts.empty() && target.attribute.empty()) {
    runtime_.find(target.name, scope_->variables.size());
    scope_->set(target.name, std::move(value));
    return;
  }
  if (target.parts.empty()) {
    const Value object = apply(Name{target.name});
    const auto* space = object.get_if<Namespace*>();
    if (space == nullptr) throw Fault("cannot assign attribute on non-namespace object");
    auto& attributes = (*space)->attributes;
    runtime_.find(target.attribute, attributes.size());
    const auto there = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const auto& one) { return one.first == target.attribute; });
    runtime_.make(sizeof(Value));
    if (there != attributes.end())
      there->second = std::move(value);
    else
      attributes.emplace_back(target.attribute, std::move(value));
    return;
  }
  const Items items = iterate(runtime_, value);
  if (items.size() > target.parts.size())
    throw Fault(fmt::format("too many values to unpack (expected {})", target.parts.size()));
  if (items.size() < target.parts.size())
    throw Fault(fmt::format("not enough values to unpack (expected {}, got {})",
                            target.parts.size(), items.size()));
  for (size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
}

Evaluator::Flow Evaluator::execute(const Set& node) {
  assign(node.target, evaluate(node.value));
  return Flow::kOn;
}

Value Evaluator::filter_text(const ExpressionPtr& filters, Value text) {
  if (filters == nullptr) return text;
  const Value* outer = std::exchange(block_text_, &text);
  Value filtered = evaluate(filters);
  block_text_ = outer;
  return filtered;
}

Evaluator::Flow Evaluator::capture(const Block& body, Value& text) {
  const Inner inner(*this);
  Capture captured(*this);
  const Flow flow = execute(body);
  if (flow == Flow::kOn) text = captured.take();
  return flow;
}

Evaluator::Flow Evaluator::execute(const SetBlock& node) {
  Value text;
  if (const Flow flow = capture(node.body, text); flow != Flow::kOn) return flow;
  assign(node.target, filter_text(node.filters, std::move(text)));
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const DefineMacro& node) {
  runtime_.make(sizeof(Macro));
  scope_->set(node.macro->name, Value(std::shared_ptr<const Macro>(
                                    std::make_shared<Macro>(Macro{node.macro.get(), scope_}))));
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const CallBlock& node) {
  const auto& called = std::get<Call>(node.call->node);
  const Value callee = evaluate(called.callee);
  Arguments arguments = evaluate(called.arguments);
  runtime_.make(sizeof(Macro));
  arguments.named.emplace_back("caller", Value(std::shared_ptr<const Macro>(std::make_shared<Macro>(
                                             Macro{node.caller.get(), scope_}))));
  line_ = node.call->line;
  out_->add(str(runtime_, call(callee, std::move(arguments))));
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const FilterBlock& node) {
  Value text;
  if (const Flow flow = capture(node.body, text); flow != Flow::kOn) return flow;
  out_->add(str(runtime_, filter_text(node.filters, std::move(text))));
  return Flow::kOn;
}

Evaluator::Flow Evaluator::execute(const With& node) {
  Items values;
  for (const auto& [target, value] : node.variables) values.push_back(evaluate(value));
  const Inner inner(*this);
  for (size_t i = 0; i < values.size(); ++i) assign(node.variables[i].first, std::move(values[i]));
  return execute(node.body);
}

Evaluator::Flow Evaluator::execute(Jump node) {
  return node == Jump::kBreak ? Flow::kBreak : Flow::kContinue;
}

}  // namespace thespis::model::chat
