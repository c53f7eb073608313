#pragma once
// Rotary positions (Su et al. 2021, arXiv 2104.09864): how fast each pair of a head's dimensions
// turns, with the scalings of ModelConfig::rope_scaling, and the table of a plan.

#include <cstdint>
#include <vector>

#include "model/engine/model_config.hpp"
#include "model/engine/weights.hpp"

namespace thespis::model {

/// What cos and sin of all positions may take, in floats: 1 GiB, a million positions of a head of
/// 256.
inline constexpr uint64_t kRopeTableMax = uint64_t{1} << 28;

/// By pair i (dimensions i and i + head_dim / 2), in radians for each position.
std::vector<double> rope_frequencies(const ModelConfig& config);

/// [position][cos of head_dim / 2, sin of head_dim / 2], context_max positions, times the
/// attention factor. Angles are computed in double: at position 131072 they are good to 1e-10.
FloatArena make_rope_table(const ModelConfig& config);

/// YaRN's factor on cos and sin where a config gives none: 0.1 ln(factor) + 1.
double yarn_attention_factor(double factor);

}  // namespace thespis::model
