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

bool is_needed(Layer layer) {
  return kRows.at(static_cast<size_t>(layer)).needed;
}

}  // namespace thespis::sandbox
