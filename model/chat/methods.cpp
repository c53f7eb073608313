// The methods of lists, tuples, dicts and loops. Those that would change their object are known,
// so that they are refused as Jinja2's immutable sandbox does.

#include "model/chat/methods.hpp"

#include <algorithm>

#include "model/chat/method_tables.hpp"
#include "model/chat/operators.hpp"

namespace thespis::model::chat {
namespace {

Value get(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<2>("get", std::move(arguments), {"key", "default"}, 1);
  check_key(p[0]);
  runtime.find(*self.dict(), p[0]);
  const Value* found = self.dict()->find(p[0]);
  if (found != nullptr) return *found;
  return p.given[1] ? p[1] : Value::none();
}

Value items(Runtime& runtime, const Value& self, Arguments arguments) {
  bind<0>("items", std::move(arguments), {});
  Items pairs;
  for (const auto& [key, value] : self.dict()->entries)
    pairs.push_back(runtime.tuple({key, value}));
  return runtime.sequence(SequenceType::kPairs, std::move(pairs));
}

Value keys(Runtime& runtime, const Value& self, Arguments arguments) {
  bind<0>("keys", std::move(arguments), {});
  Items keys;
  for (const auto& entry : self.dict()->entries) keys.push_back(entry.first);
  return runtime.sequence(SequenceType::kKeys, std::move(keys));
}

Value values(Runtime& runtime, const Value& self, Arguments arguments) {
  bind<0>("values", std::move(arguments), {});
  Items values;
  for (const auto& entry : self.dict()->entries) values.push_back(entry.second);
  return runtime.sequence(SequenceType::kValues, std::move(values));
}

/// A copy of what never changes is the thing itself.
Value copy(Runtime&, const Value& self, Arguments arguments) {
  bind<0>("copy", std::move(arguments), {});
  return self;
}

Value count(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("count", std::move(arguments), {"value"}, 1);
  int64_t found = 0;
  for (const Value& one : self.sequence()->items) found += equal(runtime, one, p[0]);
  return Value(found);
}

Value index(Runtime& runtime, const Value& self, Arguments arguments) {
  const auto p = bind<1>("index", std::move(arguments), {"value"}, 1);
  const Items& all = self.sequence()->items;
  for (size_t i = 0; i < all.size(); ++i)
    if (equal(runtime, all[i], p[0])) return Value(static_cast<int64_t>(i));
  throw Fault(fmt::format("the value is not in the {}", type_name(self)));
}

Value cycle(Runtime&, const Value& self, Arguments arguments) {
  const Loop& loop = *self.get<std::shared_ptr<Loop>>();
  if (arguments.positional.empty() || !arguments.named.empty())
    throw Fault("no items for cycling given");
  return arguments.positional[loop.index % arguments.positional.size()];
}

Value changed(Runtime& runtime, const Value& self, Arguments arguments) {
  Loop& loop = *self.get<std::shared_ptr<Loop>>();
  Value now = runtime.tuple(std::move(arguments.positional));
  if (loop.changed && equal(runtime, *loop.changed, now)) return Value(false);
  loop.changed = std::move(now);
  return Value(true);
}

}  // namespace

const std::vector<MethodEntry>& list_methods() {
  static const std::vector<MethodEntry> kEntries = {
      {"count", count},           {"index", index},         {"copy", copy},
      {"append", nullptr, true},  {"clear", nullptr, true}, {"extend", nullptr, true},
      {"insert", nullptr, true},  {"pop", nullptr, true},   {"remove", nullptr, true},
      {"reverse", nullptr, true}, {"sort", nullptr, true},
  };
  return kEntries;
}

const std::vector<MethodEntry>& tuple_methods() {
  static const std::vector<MethodEntry> kEntries = {{"count", count}, {"index", index}};
  return kEntries;
}

const std::vector<MethodEntry>& dict_methods() {
  static const std::vector<MethodEntry> kEntries = {
      {"get", get},
      {"items", items},
      {"keys", keys},
      {"values", values},
      {"copy", copy},
      {"fromkeys", nullptr},
      {"clear", nullptr, true},
      {"pop", nullptr, true},
      {"popitem", nullptr, true},
      {"setdefault", nullptr, true},
      {"update", nullptr, true},
  };
  return kEntries;
}

const std::vector<MethodEntry>& loop_methods() {
  static const std::vector<MethodEntry> kEntries = {{"cycle", cycle}, {"changed", changed}};
  return kEntries;
}

const MethodEntry* find_method(const Value& object, std::string_view name) {
  const std::vector<MethodEntry>* entries = nullptr;
  if (object.is(Kind::kText)) entries = &text_methods();
  if (object.is(Kind::kDict)) entries = &dict_methods();
  if (object.is(Kind::kLoop)) entries = &loop_methods();
  if (const Sequence* sequence = object.sequence()) {
    if (sequence->type == SequenceType::kList) entries = &list_methods();
    if (sequence->type == SequenceType::kTuple || sequence->type == SequenceType::kRange)
      entries = &tuple_methods();
  }
  if (entries == nullptr) return nullptr;
  for (const MethodEntry& entry : *entries)
    if (entry.name == name) return &entry;
  return nullptr;
}

Value call_method(Runtime& runtime, const Method& method, Arguments arguments) {
  const MethodEntry* entry = find_method(method.self, method.name);
  if (entry == nullptr || entry->call == nullptr)
    throw Fault(fmt::format("the method `{}` of a {} is not supported", method.name,
                            type_name(method.self)));
  pay(runtime, method.self, arguments);
  return entry->call(runtime, method.self, std::move(arguments));
}

std::optional<Value> loop_attribute(Runtime& runtime, const Loop& loop, std::string_view name) {
  const auto index = static_cast<int64_t>(loop.index);
  const auto size = static_cast<int64_t>(loop.items.size());
  if (name == "index") return Value(index + 1);
  if (name == "index0") return Value(index);
  if (name == "revindex") return Value(size - index);
  if (name == "revindex0") return Value(size - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == size);
  if (name == "length") return Value(size);
  if (name == "depth") return Value(int64_t{1});
  if (name == "depth0") return Value(int64_t{0});
  if (name == "previtem")
    return index > 0 ? loop.items[loop.index - 1] : runtime.undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < size ? loop.items[loop.index + 1]
                            : runtime.undefined("there is no next item");
  return std::nullopt;
}

}  // namespace thespis::model::chat
