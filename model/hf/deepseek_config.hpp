#pragma once
// DeepSeek-V2 and DeepSeek-V3 configurations, whose numbers Thespis describes (shapes, parameters)
// and does not run: config.json of the Hub, and the native files of DeepSeek's own inference code.

#include "model/engine/model_config.hpp"
#include "model/hf/json_fields.hpp"

namespace thespis::model {

bool is_deepseek(const std::string& model_type);
/// A configuration in DeepSeek's own names ("dim", "n_layers", ...), which has no model_type.
bool is_native_deepseek(const JsonFields& fields);

/// Throw InputError: a key missing, of the wrong type or range.
ModelConfig read_deepseek(const JsonFields& fields, const std::string& model_type);
ModelConfig read_native_deepseek(const JsonFields& fields);

}  // namespace thespis::model
