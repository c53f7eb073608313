#include "model/hf/token_ids.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace thespis::model {

std::optional<std::vector<int32_t>> token_ids(const JsonFields& fields, const char* key,
                                              uint32_t vocab_size) {
  constexpr size_t kIdsMax = 256;
  const auto* value = fields.find(key);
  std::vector<int32_t> ids;
  if (value == nullptr) {
    if (fields.value().contains(key)) return ids;
    return std::nullopt;
  }
  const auto add = [&](const nlohmann::json& id) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocab_size)
      fields.refuse(key, "must be a token id below vocab_size " + std::to_string(vocab_size) +
                             ", not " + brief(id));
    if (std::find(ids.begin(), ids.end(), id.get<int32_t>()) == ids.end())
      ids.push_back(id.get<int32_t>());
  };
  if (!value->is_array()) {
    add(*value);
    return ids;
  }
  if (value->empty() || value->size() > kIdsMax)
    fields.refuse(key, "must be a token id, or a list of 1 to " + std::to_string(kIdsMax));
  for (const auto& id : *value) add(id);
  return ids;
}

std::optional<int32_t> first_token_id(const JsonFields& fields, const char* key,
                                      uint32_t vocab_size) {
  const auto ids = token_ids(fields, key, vocab_size);
  if (!ids) return std::nullopt;
  return ids->empty() ? -1 : ids->front();
}

}  // namespace thespis::model
