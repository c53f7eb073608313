#include "model/hf/json_fields.hpp"

#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"

namespace thespis::model {

using nlohmann::json;

json parse_object(std::string_view text, const std::string& place) {
  json document;
  try {
    document = json::parse(text.begin(), text.end());
  } catch (const json::parse_error& e) {
    throw InputError(place + ": is not valid JSON, at byte " + std::to_string(e.byte));
  } catch (const json::out_of_range&) {
    throw InputError(place + ": has a number that no double can hold");
  }
  if (!document.is_object()) throw InputError(place + ": is not a JSON object");
  return document;
}

std::string brief(const json& value) {
  constexpr size_t kTextMax = 60;
  if (value.is_structured()) return std::string("an ") + value.type_name();
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kTextMax) return text;
  return std::string("a ") + value.type_name() + " of " + std::to_string(text.size()) + " bytes";
}

JsonFields::JsonFields(const json& object, std::string place, std::string prefix)
    : object_(object), place_(std::move(place)), prefix_(std::move(prefix)) {}

void JsonFields::refuse(const char* key, const std::string& what) const {
  throw InputError(place_ + ": " + prefix_ + key + " " + what);
}

bool JsonFields::has(const char* key) const {
  return find(key) != nullptr;
}

const json* JsonFields::find(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

uint32_t JsonFields::require_count(const char* key, uint32_t min, uint32_t max) const {
  const auto value = count(key, min, max);
  if (!value) refuse(key, "is missing");
  return *value;
}

std::optional<uint32_t> JsonFields::count(const char* key, uint32_t min, uint32_t max) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const bool fits =
      value->is_number_unsigned() && value->get<uint64_t>() >= min && value->get<uint64_t>() <= max;
  if (!fits)
    refuse(key, "must be a whole number from " + std::to_string(min) + " to " +
                    std::to_string(max) + ", not " + brief(*value));
  return value->get<uint32_t>();
}

std::optional<double> JsonFields::number(const char* key, double min, double max) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !(value->get<double>() >= min && value->get<double>() <= max))
    refuse(key,
           "must be a number from " + brief(min) + " to " + brief(max) + ", not " + brief(*value));
  return value->get<double>();
}

std::optional<bool> JsonFields::flag(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(key, "must be true or false, not " + brief(*value));
  return value->get<bool>();
}

std::optional<std::string> JsonFields::text(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(key, "must be a string, not " + brief(*value));
  return value->get<std::string>();
}

std::optional<JsonFields> JsonFields::object(const char* key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) refuse(key, "must be an object, not " + brief(*value));
  return JsonFields(*value, place_, prefix_ + key + ".");
}

}  // namespace thespis::model
