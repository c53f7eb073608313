#pragma once
// How simulated reward workers judge: verdicts that a checker can say again, times by the
// scenario's kinds, and what faults make of both.

#include "actors/reward/reward_actor.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

RewardOptions simulated_judges(World& world, uint32_t node);

}  // namespace thespis::sim
