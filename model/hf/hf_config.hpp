#pragma once
// config.json of a Hugging Face directory <-> ModelConfig. Absent keys mean what they mean to
// `transformers`; whatever this engine cannot compute (sliding windows in use, scaled rope, biases
// elsewhere than QKV, quantised weights, other model types) is refused by name, never ignored.

#include <string>
#include <string_view>

#include "model/engine/model_config.hpp"

namespace thespis::model {

/// Reads the text of a config.json; `place` (a path) stands in messages. Throws InputError: not
/// JSON, a key missing, of the wrong type or range, or a feature that is not supported.
/// Of several eos ids the first is kept. The result passes check_config.
ModelConfig config_from_json(std::string_view text, const std::string& place);

/// config.json as `transformers` (4 and 5) reads it: architectures, torch_dtype float32, and every
/// key that decides shapes or numbers. config_from_json of it gives an equal ModelConfig.
std::string config_to_json(const ModelConfig& config);

/// Throws InputError unless the numbers fit each other and the engine: heads divide by kv heads,
/// an even head size, sizes within limits, bias and norm flags as `model_type` has them.
void check_config(const ModelConfig& config, const std::string& place);

}  // namespace thespis::model
