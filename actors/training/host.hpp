#pragma once
// What a process gives to its actors: everything of the world that they touch. The program gives
// the real things, the simulator its own; whoever wires actors takes nothing of the world from
// elsewhere.

#include <caf/fwd.hpp>
#include <functional>
#include <memory>
#include <string>

#include "actors/base/engine.hpp"
#include "runtime/env/clock.hpp"
#include "runtime/env/compute.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis {

/// All of it outlives the actors.
struct Host {
  caf::actor_system& system;
  const env::Clock& clock;
  env::FileSystem& files;
  Engine& engine;
  std::function<std::unique_ptr<env::Compute>(const std::string& name)> make_compute;
};

}  // namespace thespis
