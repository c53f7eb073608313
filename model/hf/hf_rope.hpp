#pragma once
// Rotary positions in a config.json, in both spellings of the Hub: rope_theta and rope_scaling
// (transformers 4), rope_parameters (5).

#include <nlohmann/json_fwd.hpp>

#include "model/engine/model_config.hpp"
#include "model/hf/json_fields.hpp"

namespace thespis::model {

/// Sets rope_theta and rope_scaling, and raises context_max (max_position_embeddings, set already)
/// to what YaRN stretches it to. Absent keys mean what they mean to transformers. Throws
/// InputError: a scaling other than llama3 and yarn, a number missing or out of range.
void read_rope(const JsonFields& fields, ModelConfig& config);

/// The keys rope_theta and rope_scaling, which both generations of transformers read.
void write_rope(const ModelConfig& config, nlohmann::ordered_json& out);

/// Throws InputError "PLACE: ..." where the numbers do not fit each other.
void check_rope(const ModelConfig& config, const std::string& place);

}  // namespace thespis::model
