#pragma once
// The numbers of published models, for making directories like theirs with random weights.

#include <string>
#include <string_view>
#include <vector>

#include "model/engine/model_config.hpp"

namespace thespis::model {

/// Names that known_model takes: "qwen2.5-0.5b", ...
std::vector<std::string> known_model_names();

/// Throws InputError for another name; it lists those that there are.
ModelConfig known_model(std::string_view name);

}  // namespace thespis::model
