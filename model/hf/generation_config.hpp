#pragma once
// generation_config.json of a Hugging Face directory: which tokens end a text, and how its makers
// would sample.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/engine/model_config.hpp"

namespace thespis::model {

struct GenerationConfig {
  std::vector<int32_t> eos_tokens;
  std::optional<double> temperature, top_p;  ///< Only where it says that it samples.
  std::optional<uint32_t> top_k;
};

/// Throws InputError naming `place` and the key.
GenerationConfig generation_from_json(std::string_view text, const std::string& place,
                                      uint32_t vocab_size);

/// Adds the tokens that config.json does not name: every one of both files ends a text.
void add_eos_tokens(ModelConfig& config, const std::vector<int32_t>& eos_tokens);

}  // namespace thespis::model
