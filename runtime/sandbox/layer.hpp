#pragma once
// The layers of the wall, each of which would hold most attacks alone, and what the self-test
// finds.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thespis::sandbox {

enum class Layer : uint8_t {
  kUser,   ///< User namespace: no capability outside, another user id.
  kMount,  ///< Mount namespace, prepared read-only root, private working directory.
  kPid,    ///< Sees and signals no process but its own; they all die with its init.
  kIpc,
  kUts,
  kCgroupView,    ///< Cgroup namespace.
  kNetwork,       ///< An empty network namespace.
  kCapabilities,  ///< None, and none to be had.
  kLandlock,
  kSeccomp,
  kRlimits,
  kMemory,     ///< Of all processes of a job together, by cgroup.
  kProcesses,  ///< Number of processes by cgroup.
  kCpu,        ///< Processor time of all processes by cgroup.
  kCount
};

/// A set of layers.
struct Layers {
  uint32_t bits = 0;
  bool has(Layer layer) const { return (bits >> static_cast<unsigned>(layer) & 1) != 0; }
  void add(Layer layer) { bits |= 1U << static_cast<unsigned>(layer); }
  bool operator==(const Layers&) const = default;
};

enum class LayerState : uint8_t { kHolds, kMissing, kBroken };

/// kBroken: it was set up without complaint, and an attempt got through all the same.
struct LayerReport {
  Layer layer = Layer::kUser;
  LayerState state = LayerState::kMissing;
  std::string detail;  ///< "cgroup v1", "version 7", "refused: Operation not permitted"
};

/// "user", "mount", ...
const char* name_of(Layer layer);
/// Of a name; none: there is no such layer.
std::optional<Layer> layer_of(std::string_view name);
/// True where a program is not run without it (unless allow_weaker): user, mount, pid, network,
/// capabilities, seccomp, rlimits.
bool is_needed(Layer layer);

}  // namespace thespis::sandbox
