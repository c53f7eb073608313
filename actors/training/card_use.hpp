#pragma once
// What a recipe makes of its cards, for the plans of their memory (model/device/card_plan.hpp).

#include "actors/base/card_places.hpp"
#include "actors/training/workers.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis {

/// Of a process with these workers; `learns`: with the ranks and the sampler of evaluations too.
/// None where the recipe computes on the CPU.
CardUses card_uses(const config::Recipe& recipe, const Roles& workers, bool learns);
/// Of `thespis pretrain`, whose steps are made of these.
model::TrainerLimits pretraining_limits(const config::Recipe& recipe);
CardUses pretraining_card_uses(const config::Recipe& recipe);

/// InputError where one of the cards is not there or does not have the memory for it, as it is at
/// the moment.
void require_fits(const config::Recipe& recipe, const model::Plan& plan, const CardUses& uses);

}  // namespace thespis
