#pragma once
// config.json of a Hugging Face directory <-> ModelConfig. Absent keys mean what they mean to
// `transformers`; whatever is not supported (sliding windows in use, rope scalings other than
// llama3 and yarn, biases elsewhere than QKV, quantised weights, other model types) is refused by
// name, never ignored. DeepSeek-V2 and V3 are read, and refused where they would have to run.

#include <string>
#include <string_view>

#include "model/engine/model_config.hpp"
#include "model/hf/dtype.hpp"

namespace thespis::model {

// Far above any published model; they keep products of sizes within 64 bits.
inline constexpr uint32_t kVocabMax = 1 << 22;
inline constexpr uint32_t kHiddenMax = 1 << 16;
inline constexpr uint32_t kLayersMax = 1 << 10;
inline constexpr uint32_t kHeadsMax = 1 << 10;
inline constexpr uint32_t kHeadDimMax = 1 << 10;
inline constexpr uint32_t kFfnMax = 1 << 20;
inline constexpr uint32_t kContextMax = 1 << 26;

/// Reads the text of a config.json; `place` (a path) stands in messages. Throws InputError: not
/// JSON, a key missing, of the wrong type or range, or a feature that is not supported. The result
/// passes check_config.
ModelConfig config_from_json(std::string_view text, const std::string& place);

/// config.json as `transformers` (4 and 5) reads it: architectures, torch_dtype, and every key that
/// decides shapes or numbers. config_from_json of it gives an equal ModelConfig. Throws InputError
/// for a model that is only described.
std::string config_to_json(const ModelConfig& config, Dtype dtype = Dtype::kF32);

/// Throws InputError unless the numbers fit each other and the engine: heads divide by kv heads,
/// an even head size, sizes within limits, bias and norm flags as `model_type` has them.
void check_config(const ModelConfig& config, const std::string& place);

}  // namespace thespis::model
