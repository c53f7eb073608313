// Python's arithmetic: whole numbers divide downwards, `/` gives a float, texts and lists add and
// repeat. Whole numbers have 64 bits here; what needs more is a Fault.

#include <cmath>

#include <fmt/format.h>

#include "model/chat/format.hpp"
#include "model/chat/literal.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/text_operations.hpp"

namespace thespis::model::chat {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void fail_types(Arithmetic operation, const Value& a, const Value& b) {
  throw Fault(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'",
                          kSymbols[static_cast<size_t>(operation)], type_name(a), type_name(b)));
}

[[noreturn]] void fail_size() {
  throw Fault("a whole number does not fit into 64 bits");
}

int64_t floor_divide(int64_t a, int64_t b) {
  if (b == 0) throw Fault("integer division or modulo by zero");
  if (b == -1) {
    if (a == INT64_MIN) fail_size();
    return -a;
  }
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

int64_t modulo(int64_t a, int64_t b) {
  if (b == 0) throw Fault("integer modulo by zero");
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) throw Fault("0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_size();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) fail_size();
  }
  return Value(result);
}

Value integers(Arithmetic operation, int64_t a, int64_t b) {
  int64_t result = 0;
  bool over = false;
  switch (operation) {
    case Arithmetic::kAdd:
      over = __builtin_add_overflow(a, b, &result);
      break;
    case Arithmetic::kSubtract:
      over = __builtin_sub_overflow(a, b, &result);
      break;
    case Arithmetic::kMultiply:
      over = __builtin_mul_overflow(a, b, &result);
      break;
    case Arithmetic::kDivide:
      if (b == 0) throw Fault("division by zero");
      return Value(static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
    case Arithmetic::kFloor:
      return Value(floor_divide(a, b));
    case Arithmetic::kModulo:
      return Value(modulo(a, b));
    case Arithmetic::kPower:
      return power(a, b);
  }
  if (over) fail_size();
  return Value(result);
}

/// Quotient, rounded down, and rest with the sign of `b`, as CPython's float_divmod has them.
std::pair<double, double> divide_floor(double a, double b) {
  double rest = std::fmod(a, b), quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) rest += b, quotient -= 1;
  } else {
    rest = std::copysign(0.0, b);
  }
  if (quotient == 0) return {std::copysign(0.0, a / b), rest};
  double whole = std::floor(quotient);
  if (quotient - whole > 0.5) whole += 1;
  return {whole, rest};
}

Value floats(Arithmetic operation, double a, double b) {
  switch (operation) {
    case Arithmetic::kAdd:
      return Value(a + b);
    case Arithmetic::kSubtract:
      return Value(a - b);
    case Arithmetic::kMultiply:
      return Value(a * b);
    case Arithmetic::kDivide:
      if (b == 0) throw Fault("float division by zero");
      return Value(a / b);
    case Arithmetic::kFloor:
      if (b == 0) throw Fault("float floor division by zero");
      return Value(divide_floor(a, b).first);
    case Arithmetic::kModulo:
      if (b == 0) throw Fault("float modulo");
      return Value(divide_floor(a, b).second);
    case Arithmetic::kPower:
      break;
  }
  if (a == 0 && b < 0) throw Fault("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && std::trunc(b) != b)
    throw Fault("complex numbers are not supported");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b))
    throw Fault("the result of ** is too large");
  return Value(result);
}

Value repeat(Runtime& runtime, const Value& value, int64_t count) {
  if (value.is(Kind::kText)) {
    Builder out(runtime);
    out.add(value.str(), count);
    return value.is_markup() ? out.take().as_markup() : out.take();
  }
  const Sequence& sequence = *value.sequence();
  Items items;
  for (int64_t i = 0; i < count && !sequence.items.empty(); ++i) {
    runtime.make(sequence.items.size() * sizeof(Value));
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return runtime.sequence(sequence.type, std::move(items));
}

bool repeats(const Value& value) {
  const Sequence* sequence = value.sequence();
  return value.is(Kind::kText) || (sequence != nullptr && sequence->type <= SequenceType::kTuple);
}

Value add(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is(Kind::kText) && b.is(Kind::kText)) {
    Builder out(runtime);
    const bool marked = a.is_markup() || b.is_markup();
    for (const Value* part : {&a, &b})
      out.add(marked && !part->is_markup() ? escaped(runtime, part->str()) : part->str());
    return marked ? out.take().as_markup() : out.take();
  }
  const Sequence *x = a.sequence(), *y = b.sequence();
  if (x != nullptr && y != nullptr && x->type == y->type && x->type <= SequenceType::kTuple) {
    runtime.make((x->items.size() + y->items.size()) * sizeof(Value));
    Items items = x->items;
    items.insert(items.end(), y->items.begin(), y->items.end());
    return runtime.sequence(x->type, std::move(items));
  }
  if (repeats(a))
    throw Fault(
        fmt::format("can only concatenate {0} (not \"{1}\") to {0}", type_name(a), type_name(b)));
  fail_types(Arithmetic::kAdd, a, b);
}

}  // namespace

Value arithmetic(Runtime& runtime, Arithmetic operation, const Value& a, const Value& b) {
  runtime.step();
  runtime.read(a);
  runtime.read(b);
  if (operation == Arithmetic::kModulo && a.is(Kind::kText)) return format_percent(runtime, a, b);
  if (a.is(Kind::kUndefined)) fail_undefined(a);
  if (b.is(Kind::kUndefined)) fail_undefined(b);
  if (a.is(Kind::kBigInteger) || b.is(Kind::kBigInteger)) fail_size();
  const auto i = as_integer(a), j = as_integer(b);
  if (i && j) return integers(operation, *i, *j);
  const auto x = as_number(a), y = as_number(b);
  if (x && y) return floats(operation, *x, *y);
  if (operation == Arithmetic::kAdd) return add(runtime, a, b);
  if (operation == Arithmetic::kMultiply) {
    if (repeats(a) && j) return repeat(runtime, a, *j);
    if (repeats(b) && i) return repeat(runtime, b, *i);
    if (repeats(a) || repeats(b))
      throw Fault(fmt::format("can't multiply sequence by non-int of type '{}'",
                              type_name(repeats(a) ? b : a)));
  }
  fail_types(operation, a, b);
}

Value negative(const Value& value) {
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  if (const double* number = value.get_if<double>()) return Value(-*number);
  if (const auto* wide = value.get_if<BigInteger>()) {
    const std::string_view digits = *wide->digits;
    return integer_value(digits.starts_with('-') ? std::string(digits.substr(1))
                                                 : fmt::format("-{}", digits));
  }
  const auto whole = as_integer(value);
  if (whole) return integers(Arithmetic::kSubtract, 0, *whole);
  throw Fault(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

Value positive(const Value& value) {
  if (value.is(Kind::kUndefined)) fail_undefined(value);
  if (value.is(Kind::kFloat)) return value;
  if (const auto whole = as_integer(value)) return Value(*whole);
  throw Fault(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
}

}  // namespace thespis::model::chat
