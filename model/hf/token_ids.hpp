#pragma once
// Token ids in config.json and generation_config.json: one number, or a list of several.

#include <cstdint>
#include <optional>
#include <vector>

#include "model/hf/json_fields.hpp"

namespace thespis::model {

/// The ids of `key`, each once, in the file's order; none where the key is absent, an empty list
/// where it is null. Throws InputError: not ids below `vocab_size`, or too many.
std::optional<std::vector<int32_t>> token_ids(const JsonFields& fields, const char* key,
                                              uint32_t vocab_size);

/// The same for a key that names one token: the first of a list, -1 for null.
std::optional<int32_t> first_token_id(const JsonFields& fields, const char* key,
                                      uint32_t vocab_size);

}  // namespace thespis::model
