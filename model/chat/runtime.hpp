#pragma once
// What one rendering may use up, and what it makes. A template is data from strangers: whatever it
// says, a rendering ends within these limits.
//   CR-1  Steps, bytes made, bytes of one text, nesting: each has a limit, and reaching it is a
//         Fault that names it. Whatever grows faster than its input asks before it grows.
//   CR-2  No step takes long: who walks over n items or bytes of text pays for n.

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat/value.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model::chat {

constexpr uint64_t kTemplateBytesMax = 1 << 20;
constexpr uint64_t kStepsMax = 20'000'000;      ///< Nodes evaluated, items and texts walked over.
constexpr uint64_t kBytesAStep = 16;            ///< Bytes of text read for the price of a step.
constexpr uint64_t kNamesAStep = 8;             ///< Names compared with another for that price.
constexpr uint64_t kBytesMadeMax = 512 << 20;   ///< All values and texts that one rendering makes.
constexpr uint64_t kTextBytesMax = 32 << 20;    ///< One text; so too the whole output.
constexpr uint32_t kEvaluationDepthMax = 1000;  ///< Nested expressions, blocks and macro calls.

/// What a template did that cannot be done. Who runs it adds the line.
class Fault : public InputError {
 public:
  using InputError::InputError;
};

class Runtime {
 public:
  /// `now`: what strftime_now shows; none: the function is not defined.
  explicit Runtime(std::optional<std::tm> now) : now_(now) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  void step(uint64_t count = 1) {
    if (count > kStepsMax - steps_) fail_steps();
    steps_ += count;
  }
  /// Before `count` bytes of text are read: searched, compared, counted, changed.
  void read(uint64_t count) { step(count / kBytesAStep); }
  /// The same where `value` is a text; whatever else it is costs nothing.
  void read(const Value& value) {
    if (value.is(Kind::kText)) read(value.str().size());
  }
  /// Before a name is looked for among `count`.
  void find(std::string_view name, uint64_t count) {
    step(1 + count * (1 + name.size() / kBytesAStep) / kNamesAStep);
  }
  /// Before `key` is looked for in `dict`.
  void find(const Dict& dict, const Value& key);
  /// Before `count` bytes are made.
  void make(uint64_t count) {
    if (count > kBytesMadeMax - bytes_) fail_bytes();
    bytes_ += count;
  }
  Value text(std::string text);
  /// The same for the text of a Builder.
  Value paid_text(std::string text);
  Value list(Items items) { return sequence(SequenceType::kList, std::move(items)); }
  Value tuple(Items items) { return sequence(SequenceType::kTuple, std::move(items)); }
  Value sequence(SequenceType type, Items items);
  Value generator(Items items);
  Value dict(Dict dict);
  /// `entries` have passed through set(), which counts.
  void set(Dict& dict, const Value& key, Value value);
  Value undefined(std::string message);
  Namespace* make_namespace();

  const std::optional<std::tm>& now() const { return now_; }
  uint64_t steps() const { return steps_; }

 private:
  [[noreturn]] static void fail_steps();
  [[noreturn]] static void fail_bytes();
  void check_depth(uint32_t depth) const;

  std::optional<std::tm> now_;
  uint64_t steps_ = 0;
  uint64_t bytes_ = 0;
  std::vector<std::unique_ptr<Namespace>> namespaces_;  // They may hold each other.
};

/// A text under construction that may become longer than what it is made of. What is added is paid
/// for at once, whether or not a value is made of it.
class Builder {
 public:
  explicit Builder(Runtime& runtime) : runtime_(runtime) {}
  void add(std::string_view text) {
    grow(text.size());
    text_ += text;
  }
  /// `text`, `count` times; none where count is not positive.
  void add(std::string_view text, int64_t count);
  const std::string& text() const { return text_; }
  Value take() { return runtime_.paid_text(std::move(text_)); }
  std::string take_string() { return std::move(text_); }

 private:
  void grow(uint64_t more) const;
  Runtime& runtime_;
  std::string text_;
};

}  // namespace thespis::model::chat
