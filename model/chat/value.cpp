#include "model/chat/value.hpp"

#include <algorithm>

#include "model/chat/operators.hpp"

namespace thespis::model::chat {

const Value* Dict::find(std::string_view key) const {
  const auto found = texts.find(key);
  return found == texts.end() ? nullptr : &entries[found->second].second;
}

const Value* Dict::find(const Value& key) const {
  if (key.is(Kind::kText)) return find(std::string_view(key.str()));
  if (texts.size() == entries.size()) return nullptr;
  for (const auto& [known, value] : entries)
    if (!known.is(Kind::kText) && equal_scalars(known, key)) return &value;
  return nullptr;
}

void Dict::set(const Value& key, Value value) {
  depth = std::max({depth, depth_of(key) + 1, depth_of(value) + 1});
  if (const Value* there = find(key)) {
    *const_cast<Value*>(there) = std::move(value);  // Ours, and not const here.
    return;
  }
  entries.emplace_back(key, std::move(value));
  if (key.is(Kind::kText)) texts.emplace(key.str(), entries.size() - 1);
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [known, value] : attributes)
    if (known == name) return &value;
  return nullptr;
}

uint32_t depth_of(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->depth;
  if (const Dict* dict = value.dict()) return dict->depth;
  if (const auto* generator = value.get_if<std::shared_ptr<Generator>>())
    return (*generator)->depth;
  if (const auto* loop = value.get_if<std::shared_ptr<Loop>>()) return (*loop)->depth;
  if (const auto* method = value.get_if<std::shared_ptr<const Method>>())
    return depth_of((*method)->self) + 1;
  return 0;
}

uint32_t depth_over(const Items& items) {
  uint32_t depth = 0;
  for (const Value& item : items) depth = std::max(depth, depth_of(item));
  return depth + 1;
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBoolean:
      return "bool";
    case Kind::kInteger:
    case Kind::kBigInteger:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kText:
      return "str";
    case Kind::kSequence: {
      constexpr std::string_view kNames[] = {"list",      "tuple",       "range",
                                             "dict_keys", "dict_values", "dict_items"};
      return kNames[static_cast<size_t>(value.sequence()->type)];
    }
    case Kind::kDict:
      return "dict";
    case Kind::kGenerator:
      return "generator";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kMacro:
      return "Macro";
    case Kind::kMethod:
      return "builtin_function_or_method";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kFunction:
      return "function";
  }
  return "object";
}

}  // namespace thespis::model::chat
