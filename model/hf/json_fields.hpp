#pragma once
// Fields of JSON documents that strangers wrote: each getter checks presence, type and range, and
// its InputError names the document and the key. Values are never copied or printed whole: nesting
// may be deeper than a stack.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace thespis::model {

/// The parsed document. Throws InputError: not JSON (with the byte offset), or not an object.
nlohmann::json parse_object(std::string_view text, const std::string& place);

/// One object of a document: `place` is the document's name, `prefix` the path to the object
/// within it ("" or "model."). Borrows the object. An absent key and null are the same.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string place, std::string prefix = "");

  bool has(const char* key) const;
  const nlohmann::json* find(const char* key) const;  ///< nullptr: absent or null.
  uint32_t require_count(const char* key, uint32_t min, uint32_t max) const;
  std::optional<uint32_t> count(const char* key, uint32_t min, uint32_t max) const;
  std::optional<double> number(const char* key, double min, double max) const;  ///< Inclusive.
  std::optional<bool> flag(const char* key) const;
  std::optional<std::string> text(const char* key) const;
  std::optional<JsonFields> object(const char* key) const;

  /// The fields of another object of the same document.
  JsonFields at(const nlohmann::json& object, std::string prefix) const {
    return JsonFields(object, place_, std::move(prefix));
  }

  /// Throws InputError "PLACE: KEY WHAT".
  [[noreturn]] void refuse(const char* key, const std::string& what) const;
  const nlohmann::json& value() const { return object_; }

 private:
  const nlohmann::json& object_;
  std::string place_, prefix_;
};

/// How a value is shown in a message: short ones as they are, others by their kind.
std::string brief(const nlohmann::json& value);

}  // namespace thespis::model
