#pragma once
// The values of a chat template, as Python has them: what JSON can say, and what a template makes
// while it runs (generators, namespaces, macros, ...).
//   CV-1  Whatever a value holds never changes and never holds itself; only namespaces, generators
//         and loops have a state, and namespaces belong to the runtime (runtime.hpp).
//   CV-2  Every text is valid UTF-8.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace thespis::model::chat {

class Value;
using Items = std::vector<Value>;

/// Printed as nothing, false, empty; whatever else is asked of it fails with `message`.
struct Undefined {
  std::shared_ptr<const std::string> message;
};
struct None {};
/// A whole number that 64 bits cannot hold: it can be written, not reckoned with.
struct BigInteger {
  std::shared_ptr<const std::string> digits;
};
using Text = std::shared_ptr<const std::string>;

struct Sequence;
struct Dict;
struct Generator;
struct Namespace;
struct Macro;
struct Method;
struct Loop;
/// A function that every template may call.
enum class Function : uint8_t { kRange, kDict, kNamespace, kRaiseException, kStrftimeNow };

/// In the order of Value's alternatives.
enum class Kind : uint8_t {
  kUndefined,
  kNone,
  kBoolean,
  kInteger,
  kBigInteger,
  kFloat,
  kText,
  kSequence,
  kDict,
  kGenerator,
  kNamespace,
  kMacro,
  kMethod,
  kLoop,
  kFunction,
};

class Value {
 public:
  using Held = std::variant<Undefined, None, bool, int64_t, BigInteger, double, Text,
                            std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
                            std::shared_ptr<Generator>, Namespace*, std::shared_ptr<const Macro>,
                            std::shared_ptr<const Method>, std::shared_ptr<Loop>, Function>;

  Value() = default;  ///< Undefined, without a message.
  template <class T>
  explicit Value(T held) : held_(std::move(held)) {}
  static Value text(std::string text) {
    return Value(Text(std::make_shared<const std::string>(std::move(text))));
  }
  static Value undefined(std::string message) {
    return Value(Undefined{std::make_shared<const std::string>(std::move(message))});
  }
  static Value none() { return Value(None{}); }
  /// The same text, marked as one that HTML needs no escapes in (Python's Markup, `| safe`): what
  /// is added to it is escaped, even though templates do not escape what they print.
  Value as_markup() const {
    Value marked = *this;
    marked.is_markup_ = true;
    return marked;
  }
  bool is_markup() const { return is_markup_; }

  Kind kind() const { return static_cast<Kind>(held_.index()); }
  bool is(Kind kind) const { return this->kind() == kind; }
  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&held_);
  }
  template <class T>
  const T& get() const {
    return std::get<T>(held_);
  }
  /// The text's bytes; only for kText.
  const std::string& str() const { return *std::get<Text>(held_); }
  /// nullptr: it is of another kind.
  const Sequence* sequence() const {
    const auto* held = get_if<std::shared_ptr<const Sequence>>();
    return held == nullptr ? nullptr : held->get();
  }
  const Dict* dict() const {
    const auto* held = get_if<std::shared_ptr<const Dict>>();
    return held == nullptr ? nullptr : held->get();
  }

 private:
  Held held_;
  bool is_markup_ = false;
};

enum class SequenceType : uint8_t { kList, kTuple, kRange, kKeys, kValues, kPairs };

/// Deeper values would make everything that walks them run out of stack.
constexpr uint32_t kValueDepthMax = 200;

/// A list, or what Python treats much alike: tuples, ranges, the views of a dict.
struct Sequence {
  SequenceType type = SequenceType::kList;
  Items items;
  uint32_t depth = 1;  ///< 1 + that of the deepest item.
};

/// In the order in which the keys came.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  /// Places of the keys that are texts. A tree: no choice of keys makes it slow.
  std::map<std::string_view, size_t> texts;
  uint32_t depth = 1;

  /// nullptr: no such key. `key` compares as in Python: 1, 1.0 and true are the same key.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Replaces the value of a key that is there, else appends.
  void set(const Value& key, Value value);
};

/// What a filter like `map` gives: can be walked once.
struct Generator {
  Items items;
  size_t next = 0;
  uint32_t depth = 1;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
};

/// "item".split before it is called.
struct Method {
  Value self;
  std::string_view name;  ///< Of a table that lives as long as the program.
};

/// The variable `loop`.
struct Loop {
  Items items;
  size_t index = 0;
  uint32_t depth = 1;
  std::optional<Value> changed;  ///< The arguments of the last loop.changed().
};

/// 1 + the depth of the deepest of `items`; for containers that hold them.
uint32_t depth_over(const Items& items);
uint32_t depth_of(const Value& value);

/// The name of the value's type in Python: "str", "int", "dict", "Undefined", ...
std::string_view type_name(const Value& value);

}  // namespace thespis::model::chat
