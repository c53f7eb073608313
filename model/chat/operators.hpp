#pragma once
// What Python's operators and built-in functions do with values. Whatever Python would raise is a
// Fault with much the same words.

#include <optional>
#include <string_view>

#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

enum class Arithmetic : uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloor, kModulo, kPower };
enum class Order : uint8_t { kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

bool equal(Runtime& runtime, const Value& a, const Value& b);
/// The same for what is neither a sequence nor a dict; those are never equal to anything.
bool equal_scalars(const Value& a, const Value& b);
bool truth(const Value& value);
Value arithmetic(Runtime& runtime, Arithmetic operation, const Value& a, const Value& b);
/// -value and +value.
Value negative(const Value& value);
Value positive(const Value& value);
bool compare(Runtime& runtime, Order order, const Value& a, const Value& b);
/// `item in container`.
bool contains(Runtime& runtime, const Value& container, const Value& item);

/// len(); none where the value has no length.
std::optional<int64_t> length(const Value& value);
/// What `for` walks: items, keys, characters; a generator is used up. Fault where it cannot.
Items iterate(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);

/// `object.name`: a method or attribute first, then an item; undefined where there is neither.
Value attribute(Runtime& runtime, const Value& object, std::string_view name);
/// `object[index]`: an item first, then an attribute.
Value item(Runtime& runtime, const Value& object, const Value& index);
/// `object[start:stop:step]`; each is a whole number or none.
Value slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
            const Value& step);

/// Fault unless `key` may be the key of a dict.
void check_key(const Value& key);

/// As Python's int: true and false are 1 and 0. None for other kinds.
std::optional<int64_t> as_integer(const Value& value);
std::optional<double> as_number(const Value& value);
/// The message of an Undefined, as what ends the rendering.
[[noreturn]] void fail_undefined(const Value& value);

}  // namespace thespis::model::chat
