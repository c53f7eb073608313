#pragma once
// The tables of keys of a scenario: its own, and those of an element of each of its lists.

#include <span>

#include "runtime/config/key_table.hpp"
#include "sim/scenario/scenario.hpp"

namespace thespis::sim {

std::span<const config::KeyOf<Scenario>> scenario_keys();
std::span<const config::KeyOf<GpuKind>> gpu_keys();
std::span<const config::KeyOf<NodeGroup>> node_keys();
std::span<const config::KeyOf<RewardKind>> reward_keys();
std::span<const config::KeyOf<Fault>> fault_keys();

/// "host-crash"
std::string_view name_of(FaultKind kind);
size_t fault_kind_count();

}  // namespace thespis::sim
