#include "model/chat/tests.hpp"

#include "model/chat/characters.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/print.hpp"
#include "model/chat/text_operations.hpp"

namespace thespis::model::chat {
namespace {

/// str.isupper() and str.islower(): some letter has that case, none the other.
bool all_cased(std::string_view text, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool any = false;
  while (!text.empty()) {
    const char32_t c = take_character(text);
    if (other(c)) return false;
    any = any || wanted(c);
  }
  return any;
}

bool is_number(const Value& value) {
  return as_number(value).has_value() || value.is(Kind::kBigInteger);
}

bool divides(Runtime& runtime, const Value& value, const Value& by) {
  return equal(runtime, arithmetic(runtime, Arithmetic::kModulo, value, by), Value(int64_t{0}));
}

bool is_same(const Value& a, const Value& b) {
  if (a.is(Kind::kText) && b.is(Kind::kText)) return a.get<Text>() == b.get<Text>();
  if (a.sequence() != nullptr || a.dict() != nullptr)
    return a.sequence() == b.sequence() && a.dict() == b.dict();
  return a.kind() == b.kind() && !a.is(Kind::kUndefined) && equal_scalars(a, b);
}

template <Kind kind>
bool is_kind(Runtime&, const Value& value, const Value&) {
  return value.is(kind);
}
template <bool flag>
bool is_flag(Runtime&, const Value& value, const Value&) {
  const bool* held = value.get_if<bool>();
  return held != nullptr && *held == flag;
}
template <Order order>
bool is_ordered(Runtime& runtime, const Value& value, const Value& other) {
  return compare(runtime, order, value, other);
}
bool is_equal(Runtime& runtime, const Value& value, const Value& other) {
  return equal(runtime, value, other);
}
bool is_unequal(Runtime& runtime, const Value& value, const Value& other) {
  return !equal(runtime, value, other);
}
bool is_defined(Runtime&, const Value& value, const Value&) {
  return !value.is(Kind::kUndefined);
}
bool is_odd(Runtime& runtime, const Value& value, const Value&) {
  return equal(runtime, arithmetic(runtime, Arithmetic::kModulo, value, Value(int64_t{2})),
               Value(int64_t{1}));
}
bool is_even(Runtime& runtime, const Value& value, const Value&) {
  return divides(runtime, value, Value(int64_t{2}));
}
bool is_integer(Runtime&, const Value& value, const Value&) {
  return value.is(Kind::kInteger) || value.is(Kind::kBigInteger);
}
bool is_any_number(Runtime&, const Value& value, const Value&) {
  return is_number(value);
}
bool is_lowercase(Runtime& runtime, const Value& value, const Value&) {
  return all_cased(str(runtime, value), is_lower, is_upper);
}
bool is_uppercase(Runtime& runtime, const Value& value, const Value&) {
  return all_cased(str(runtime, value), is_upper, is_lower);
}
bool is_sequence(Runtime&, const Value& value, const Value&) {
  const Sequence* sequence = value.sequence();
  return value.is(Kind::kText) || value.is(Kind::kDict) || value.is(Kind::kUndefined) ||
         (sequence != nullptr && sequence->type <= SequenceType::kRange);
}
bool iterates(Runtime&, const Value& value, const Value&) {
  return is_iterable(value);
}
bool is_callable(Runtime&, const Value& value, const Value&) {
  return value.is(Kind::kFunction) || value.is(Kind::kMethod) || value.is(Kind::kMacro) ||
         value.is(Kind::kLoop) || value.is(Kind::kUndefined);
}
bool is_sameas(Runtime&, const Value& value, const Value& other) {
  return is_same(value, other);
}
bool is_escaped(Runtime&, const Value& value, const Value&) {
  return value.is_markup();
}
bool is_in(Runtime& runtime, const Value& value, const Value& container) {
  return contains(runtime, container, value);
}

constexpr TestEntry kEntries[] = {
    {"defined", is_defined},
    {"undefined", is_kind<Kind::kUndefined>},
    {"none", is_kind<Kind::kNone>},
    {"boolean", is_kind<Kind::kBoolean>},
    {"true", is_flag<true>},
    {"false", is_flag<false>},
    {"integer", is_integer},
    {"float", is_kind<Kind::kFloat>},
    {"number", is_any_number},
    {"string", is_kind<Kind::kText>},
    {"mapping", is_kind<Kind::kDict>},
    {"sequence", is_sequence},
    {"iterable", iterates},
    {"callable", is_callable},
    {"odd", is_odd},
    {"even", is_even},
    {"divisibleby", divides, true},
    {"lower", is_lowercase},
    {"upper", is_uppercase},
    {"sameas", is_sameas, true},
    {"escaped", is_escaped},
    {"in", is_in, true},
    {"==", is_equal, true},
    {"eq", is_equal, true},
    {"equalto", is_equal, true},
    {"!=", is_unequal, true},
    {"ne", is_unequal, true},
    {"<", is_ordered<Order::kLess>, true},
    {"lt", is_ordered<Order::kLess>, true},
    {"lessthan", is_ordered<Order::kLess>, true},
    {"<=", is_ordered<Order::kLessOrEqual>, true},
    {"le", is_ordered<Order::kLessOrEqual>, true},
    {">", is_ordered<Order::kGreater>, true},
    {"gt", is_ordered<Order::kGreater>, true},
    {"greaterthan", is_ordered<Order::kGreater>, true},
    {">=", is_ordered<Order::kGreaterOrEqual>, true},
    {"ge", is_ordered<Order::kGreaterOrEqual>, true},
};

}  // namespace

const TestEntry* find_test(std::string_view name) {
  for (const TestEntry& entry : kEntries)
    if (entry.name == name) return &entry;
  return nullptr;
}

bool apply_test(Runtime& runtime, const TestEntry& test, const Value& value, Arguments arguments) {
  if (arguments.named.size() == 1 && arguments.positional.empty())
    arguments.positional.push_back(std::move(arguments.named.front().second));
  else if (!arguments.named.empty())
    throw Fault(fmt::format("the test `{}` takes no such arguments", test.name));
  const size_t expected = test.takes_argument ? 1 : 0;
  if (arguments.positional.size() != expected)
    throw Fault(fmt::format("the test `{}` takes {} argument(s), not {}", test.name, expected,
                            arguments.positional.size()));
  pay(runtime, value, arguments);
  return test.holds(runtime, value, expected == 0 ? value : arguments.positional.front());
}

}  // namespace thespis::model::chat
