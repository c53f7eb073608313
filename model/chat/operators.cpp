// Truth, comparison, walking and looking up; arithmetic.cpp reckons.

#include "model/chat/operators.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/chat/characters.hpp"
#include "model/chat/macro.hpp"
#include "model/chat/methods.hpp"
#include "model/chat/print.hpp"

namespace thespis::model::chat {
namespace {

/// Whole numbers and floats compare by value, whatever their type: 2^53 + 1 is not 2^53.
bool equal_numbers(const Value& a, const Value& b) {
  const auto x = as_integer(a), y = as_integer(b);
  if (x && y) return *x == *y;
  if (!x && !y) return a.get<double>() == b.get<double>();
  const int64_t whole = x ? *x : *y;
  const double other = x ? b.get<double>() : a.get<double>();
  constexpr double kTwo63 = 9223372036854775808.0;
  return other >= -kTwo63 && other < kTwo63 && std::trunc(other) == other &&
         static_cast<int64_t>(other) == whole;
}

bool equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}

/// "'dict object' has no attribute 'x'", as Jinja names what was looked into.
std::string owner(const Value& object) {
  if (object.is(Kind::kNone)) return "None";
  return fmt::format("{} object", type_name(object));
}

Value missing_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  return runtime.undefined(fmt::format("'{}' has no attribute '{}'", owner(object), name));
}

Value missing_item(Runtime& runtime, const Value& object, const Value& index) {
  if (index.is(Kind::kText)) return missing_attribute(runtime, object, index.str());
  const bool is_short = !index.is(Kind::kSequence) && !index.is(Kind::kDict);
  return runtime.undefined(fmt::format("{} has no element {}", owner(object),
                                       is_short ? repr(runtime, index) : "of that kind"));
}

/// What getattr() finds; none where it raises.
std::optional<Value> python_attribute(Runtime& runtime, const Value& object,
                                      std::string_view name) {
  if (name.starts_with("__") && name.ends_with("__"))
    return runtime.undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
  if (const auto* space = object.get_if<Namespace*>()) {
    runtime.find(name, (*space)->attributes.size());
    const Value* found = (*space)->find(name);
    return found == nullptr ? std::nullopt : std::optional<Value>(*found);
  }
  if (const auto* loop = object.get_if<std::shared_ptr<Loop>>())
    if (auto found = loop_attribute(runtime, **loop, name)) return found;
  if (const auto* macro = object.get_if<std::shared_ptr<const Macro>>(); macro && name == "name")
    return runtime.text(std::string(name_of(**macro)));
  const MethodEntry* method = find_method(object, name);
  if (method == nullptr) return std::nullopt;
  if (method->changes)
    return runtime.undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
  runtime.make(sizeof(Method));
  return Value(
      std::shared_ptr<const Method>(std::make_shared<Method>(Method{object, method->name})));
}

}  // namespace

std::optional<int64_t> as_integer(const Value& value) {
  if (const bool* flag = value.get_if<bool>()) return *flag ? 1 : 0;
  if (const int64_t* number = value.get_if<int64_t>()) return *number;
  return std::nullopt;
}

std::optional<double> as_number(const Value& value) {
  if (const double* number = value.get_if<double>()) return *number;
  if (const auto number = as_integer(value)) return static_cast<double>(*number);
  return std::nullopt;
}

void fail_undefined(const Value& value) {
  const auto& message = value.get<Undefined>().message;
  throw Fault(message ? *message : "the value is undefined");
}

bool equal_scalars(const Value& a, const Value& b) {
  if (as_number(a) && as_number(b)) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kText:
      return a.str() == b.str();
    case Kind::kBigInteger:
      return *a.get<BigInteger>().digits == *b.get<BigInteger>().digits;
    case Kind::kFunction:
      return a.get<Function>() == b.get<Function>();
    case Kind::kNamespace:
      return a.get<Namespace*>() == b.get<Namespace*>();
    case Kind::kGenerator:
      return a.get<std::shared_ptr<Generator>>() == b.get<std::shared_ptr<Generator>>();
    case Kind::kMacro:
      return a.get<std::shared_ptr<const Macro>>() == b.get<std::shared_ptr<const Macro>>();
    case Kind::kLoop:
      return a.get<std::shared_ptr<Loop>>() == b.get<std::shared_ptr<Loop>>();
    default:
      return false;
  }
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.step();
  if (a.is(Kind::kText) && b.is(Kind::kText)) {
    if (a.str().size() != b.str().size()) return false;
    runtime.read(a);
    return a.str() == b.str();
  }
  const Sequence *x = a.sequence(), *y = b.sequence();
  if (x != nullptr && y != nullptr) {
    if (x->type != y->type || x->items.size() != y->items.size()) return false;
    for (size_t i = 0; i < x->items.size(); ++i)
      if (!equal(runtime, x->items[i], y->items[i])) return false;
    return true;
  }
  if (a.dict() != nullptr && b.dict() != nullptr) return equal_dicts(runtime, *a.dict(), *b.dict());
  return equal_scalars(a, b);
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBoolean:
      return value.get<bool>();
    case Kind::kInteger:
      return value.get<int64_t>() != 0;
    case Kind::kFloat:
      return value.get<double>() != 0;
    case Kind::kText:
      return !value.str().empty();
    case Kind::kSequence:
      return !value.sequence()->items.empty();
    case Kind::kDict:
      return !value.dict()->entries.empty();
    default:
      return true;
  }
}

bool compare(Runtime& runtime, Order order, const Value& a, const Value& b) {
  runtime.step();
  if (a.is(Kind::kUndefined)) fail_undefined(a);
  if (b.is(Kind::kUndefined)) fail_undefined(b);
  const auto holds = [order](const auto& x, const auto& y) {
    switch (order) {
      case Order::kLess:
        return x < y;
      case Order::kLessOrEqual:
        return x <= y;
      case Order::kGreater:
        return x > y;
      default:
        return x >= y;
    }
  };
  const auto i = as_integer(a), j = as_integer(b);
  if (i && j) return holds(*i, *j);
  const auto x = as_number(a), y = as_number(b);
  if (x && y) return holds(*x, *y);
  if (a.is(Kind::kText) && b.is(Kind::kText)) {  // Bytes of UTF-8 are in code point order.
    runtime.read(std::min(a.str().size(), b.str().size()));
    return holds(a.str(), b.str());
  }
  const Sequence *s = a.sequence(), *t = b.sequence();
  if (s != nullptr && t != nullptr && s->type == t->type && s->type <= SequenceType::kTuple) {
    for (size_t n = 0; n < std::min(s->items.size(), t->items.size()); ++n)
      if (!equal(runtime, s->items[n], t->items[n]))
        return compare(runtime, order, s->items[n], t->items[n]);
    return holds(s->items.size(), t->items.size());
  }
  constexpr std::string_view kNames[] = {"<", "<=", ">", ">="};
  throw Fault(fmt::format("'{}' not supported between instances of '{}' and '{}'",
                          kNames[static_cast<size_t>(order)], type_name(a), type_name(b)));
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  runtime.step();
  if (container.is(Kind::kUndefined)) return false;
  if (container.is(Kind::kText)) {
    if (!item.is(Kind::kText))
      throw Fault(
          fmt::format("'in <string>' requires string as left operand, not {}", type_name(item)));
    runtime.read(container);
    return find_part(container.str(), item.str()) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) {
    check_key(item);
    runtime.find(*dict, item);
    return dict->find(item) != nullptr;
  }
  if (const Sequence* sequence = container.sequence())
    return std::any_of(sequence->items.begin(), sequence->items.end(),
                       [&](const Value& one) { return equal(runtime, one, item); });
  if (const auto* held = container.get_if<std::shared_ptr<Generator>>()) {
    Generator& generator = **held;
    while (generator.next < generator.items.size())
      if (equal(runtime, generator.items[generator.next++], item)) return true;
    return false;
  }
  throw Fault(fmt::format("argument of type '{}' is not iterable", type_name(container)));
}

std::optional<int64_t> length(const Value& value) {
  if (value.is(Kind::kUndefined)) return 0;
  if (value.is(Kind::kText)) return static_cast<int64_t>(character_count(value.str()));
  if (const Sequence* sequence = value.sequence())
    return static_cast<int64_t>(sequence->items.size());
  if (const Dict* dict = value.dict()) return static_cast<int64_t>(dict->entries.size());
  if (const auto* loop = value.get_if<std::shared_ptr<Loop>>())
    return static_cast<int64_t>((*loop)->items.size());
  return std::nullopt;
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kText:
    case Kind::kSequence:
    case Kind::kDict:
    case Kind::kGenerator:
    case Kind::kLoop:
      return true;
    default:
      return false;
  }
}

Items iterate(Runtime& runtime, const Value& value) {
  Items items;
  if (value.is(Kind::kUndefined)) return items;
  if (value.is(Kind::kText)) {
    std::string_view rest = value.str();
    while (!rest.empty()) {
      runtime.step();
      std::string character;
      append_character(character, take_character(rest));
      items.push_back(runtime.text(std::move(character)));
    }
    return items;
  }
  if (const Sequence* sequence = value.sequence()) {
    runtime.make(sequence->items.size() * sizeof(Value));
    return sequence->items;
  }
  if (const Dict* dict = value.dict()) {
    runtime.make(dict->entries.size() * sizeof(Value));
    for (const auto& entry : dict->entries) items.push_back(entry.first);
    return items;
  }
  if (const auto* held = value.get_if<std::shared_ptr<Generator>>()) {
    Generator& generator = **held;
    runtime.make((generator.items.size() - generator.next) * sizeof(Value));
    items.assign(generator.items.begin() + static_cast<std::ptrdiff_t>(generator.next),
                 generator.items.end());
    generator.next = generator.items.size();
    return items;
  }
  throw Fault(fmt::format("'{}' object is not iterable", type_name(value)));
}

Value attribute(Runtime& runtime, const Value& object, std::string_view name) {
  runtime.step();
  runtime.read(name.size());
  if (object.is(Kind::kUndefined)) fail_undefined(object);
  if (auto found = python_attribute(runtime, object, name)) return *std::move(found);
  if (const Dict* dict = object.dict())
    if (const Value* found = dict->find(name)) return *found;
  return missing_attribute(runtime, object, name);
}

Value item(Runtime& runtime, const Value& object, const Value& index) {
  runtime.step();
  runtime.read(object);
  runtime.read(index);
  if (object.is(Kind::kUndefined)) fail_undefined(object);
  if (const Dict* dict = object.dict()) {
    runtime.find(*dict, index);
    if (const Value* found = dict->find(index)) return *found;
  } else if (auto place = as_integer(index)) {
    const Sequence* sequence = object.sequence();
    const bool indexed =
        object.is(Kind::kText) || (sequence != nullptr && sequence->type <= SequenceType::kRange);
    const int64_t size = indexed ? *length(object) : 0;
    if (*place < 0) *place += size;
    if (*place < 0 || *place >= size) return missing_item(runtime, object, index);
    if (sequence != nullptr) return sequence->items[static_cast<size_t>(*place)];
    const std::string& text = object.str();
    std::string_view rest =
        std::string_view(text).substr(bytes_of(text, static_cast<size_t>(*place)));
    std::string character;
    append_character(character, take_character(rest));
    return runtime.text(std::move(character));
  }
  if (index.is(Kind::kText))
    if (auto found = python_attribute(runtime, object, index.str())) return *std::move(found);
  return missing_item(runtime, object, index);
}

Value slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
            const Value& step) {
  runtime.read(object);
  if (object.is(Kind::kUndefined)) fail_undefined(object);
  const Sequence* sequence = object.sequence();
  const bool fits =
      object.is(Kind::kText) || (sequence != nullptr && sequence->type <= SequenceType::kRange);
  for (const Value* bound : {&start, &stop, &step})
    if (!fits || (!bound->is(Kind::kNone) && !as_integer(*bound)))
      return runtime.undefined(fmt::format("{} has no element of that kind", owner(object)));
  const int64_t size = *length(object), by = as_integer(step).value_or(1);
  if (by == 0) throw Fault("slice step cannot be zero");
  const auto bound = [&](const Value& value, int64_t absent) {
    if (value.is(Kind::kNone)) return absent;
    int64_t place = *as_integer(value);
    if (place < 0) place = place < -size ? -1 : place + size;
    return std::clamp<int64_t>(place, by > 0 ? 0 : -1, by > 0 ? size : size - 1);
  };
  const int64_t first = bound(start, by > 0 ? 0 : size - 1), end = bound(stop, by > 0 ? size : -1);
  const int64_t distance = by > 0 ? end - first : first - end;
  const uint64_t stride = by > 0 ? static_cast<uint64_t>(by) : 0 - static_cast<uint64_t>(by);
  const uint64_t count = distance <= 0 ? 0 : (static_cast<uint64_t>(distance) - 1) / stride + 1;
  const auto place = [&](uint64_t n) {
    return static_cast<size_t>(by > 0 ? static_cast<uint64_t>(first) + n * stride
                                      : static_cast<uint64_t>(first) - n * stride);
  };
  if (sequence != nullptr) {
    runtime.step(count);
    Items items;
    for (uint64_t n = 0; n < count; ++n) items.push_back(sequence->items[place(n)]);
    return runtime.sequence(sequence->type, std::move(items));
  }
  const std::string& text = object.str();
  const auto like_object = [&object](const Value& part) {
    return object.is_markup() ? part.as_markup() : part;
  };
  if (by == 1) {
    if (count == 0) return like_object(runtime.text(""));
    const size_t begin = bytes_of(text, static_cast<size_t>(first));
    const std::string_view rest = std::string_view(text).substr(begin);
    return like_object(runtime.text(std::string(rest.substr(0, bytes_of(rest, count)))));
  }
  runtime.make(text.size() * sizeof(char32_t));
  std::u32string characters;
  for (std::string_view rest = text; !rest.empty();) characters += take_character(rest);
  std::string out;
  for (uint64_t n = 0; n < count; ++n) append_character(out, characters[place(n)]);
  return like_object(runtime.text(std::move(out)));
}

void check_key(const Value& key) {
  const Sequence* sequence = key.sequence();
  if (key.is(Kind::kDict) || (sequence != nullptr && sequence->type != SequenceType::kTuple))
    throw Fault(fmt::format("unhashable type: '{}'", type_name(key)));
  if (sequence != nullptr) throw Fault("a tuple as the key of a dict is not supported");
}

}  // namespace thespis::model::chat
