#include "runtime/sandbox/layer.hpp"

#include <array>

namespace thespis::sandbox {
namespace {

struct Row {
  const char* name;
  bool needed;
};
/// In the order of Layer.
constexpr std::array<Row, static_cast<size_t>(Layer::kCount)> kRows = {{{"user", true},
                                                                        {"mount", true},
                                                                        {"pid", true},
                                                                        {"ipc", false},
                                                                        {"uts", false},
                                                                        {"cgroup view", false},
                                                                        {"network", true},
                                                                        {"capabilities", true},
                                                                        {"landlock", false},
                                                                        {"seccomp", true},
                                                                        {"rlimits", true},
                                                                        {"memory", false},
                                                                        {"processes", false},
                                                                        {"cpu", false}}};

}  // namespace

const char* name_of(Layer layer) {
  return kRows.at(static_cast<size_t>(layer)).name;
}

std::optional<Layer> layer_of(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i)
    if (name == kRows[i].name) return static_cast<Layer>(i);
  return std::nullopt;
}

bool is_needed(Layer layer) {
  return kRows.at(static_cast<size_t>(layer)).needed;
}

}  // namespace thespis::sandbox
