#include "model/chat/runtime.hpp"

#include <fmt/format.h>

namespace thespis::model::chat {
namespace {

constexpr uint64_t kItemBytes = sizeof(Value) + 32;  // With what the heap adds, about.

}  // namespace

void Runtime::fail_steps() {
  throw Fault(fmt::format("the template takes more than {} steps", kStepsMax));
}

void Runtime::fail_bytes() {
  throw Fault(fmt::format("the template makes more than {} bytes of values", kBytesMadeMax));
}

void Runtime::check_depth(uint32_t depth) const {
  if (depth > kValueDepthMax)
    throw Fault(fmt::format("a value is nested more than {} deep", kValueDepthMax));
}

Value Runtime::text(std::string text) {
  if (text.size() > kTextBytesMax)
    throw Fault(fmt::format("a text has more than {} bytes", kTextBytesMax));
  make(text.size());
  return paid_text(std::move(text));
}

Value Runtime::paid_text(std::string text) {
  make(kItemBytes);
  return Value::text(std::move(text));
}

Value Runtime::sequence(SequenceType type, Items items) {
  make((items.size() + 1) * kItemBytes);
  auto made = std::make_shared<Sequence>();
  made->type = type;
  made->depth = depth_over(items);
  made->items = std::move(items);
  check_depth(made->depth);
  return Value(std::shared_ptr<const Sequence>(std::move(made)));
}

Value Runtime::generator(Items items) {
  make((items.size() + 1) * kItemBytes);
  auto made = std::make_shared<Generator>();
  made->depth = depth_over(items);
  made->items = std::move(items);
  check_depth(made->depth);
  return Value(std::move(made));
}

Value Runtime::dict(Dict dict) {
  make(kItemBytes);
  check_depth(dict.depth);
  return Value(std::shared_ptr<const Dict>(std::make_shared<Dict>(std::move(dict))));
}

void Runtime::set(Dict& dict, const Value& key, Value value) {
  make(3 * kItemBytes);
  find(dict, key);
  dict.set(key, std::move(value));
}

void Runtime::find(const Dict& dict, const Value& key) {
  if (key.is(Kind::kText))
    read(key);
  else
    step(dict.entries.size());
}

Value Runtime::undefined(std::string message) {
  make(message.size() + kItemBytes);
  return Value::undefined(std::move(message));
}

Namespace* Runtime::make_namespace() {
  make(kItemBytes);
  namespaces_.push_back(std::make_unique<Namespace>());
  return namespaces_.back().get();
}

void Builder::grow(uint64_t more) const {
  if (text_.size() + more > kTextBytesMax)
    throw Fault(fmt::format("a text has more than {} bytes", kTextBytesMax));
  runtime_.make(more);
}

void Builder::add(std::string_view text, int64_t count) {
  if (count <= 0 || text.empty()) return;
  if (static_cast<uint64_t>(count) > kTextBytesMax / text.size()) grow(kTextBytesMax + 1);
  grow(text.size() * static_cast<uint64_t>(count));
  for (int64_t i = 0; i < count; ++i) text_ += text;
}

}  // namespace thespis::model::chat
