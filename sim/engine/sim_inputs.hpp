#pragma once
// What a simulated run reads before it begins: tasks and tokenizer as the recipe says, and a model
// of a few hundred weights in place of the real one.

#include "actors/training/run_inputs.hpp"

namespace thespis::sim {

RunInputs simulated_inputs(const config::Recipe& recipe);

}  // namespace thespis::sim
