#include "tasks/code/harness.hpp"

#include <array>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "tasks/code/harness_sources.hpp"

namespace thespis::tasks {
namespace {

struct Module {
  std::string_view name, source;
};

const std::array<Module, 4>& modules() {
  static const std::array<Module, 4> all{{{"call", harness::kCallSource},
                                          {"tester", harness::kTesterSource},
                                          {"checker", harness::kCheckerSource},
                                          {"prepare", harness::kPrepareSource}}};
  return all;
}

}  // namespace

std::vector<sandbox::File> harness_modules() {
  std::vector<sandbox::File> files;
  for (const Module& module : modules())
    files.push_back({fmt::format("thespis_{}.py", module.name),
                     fmt::format("{}\n\n{}", harness::kCodecSource, module.source)});
  return files;
}

sandbox::ProgramRef harness_program(std::string_view module) {
  auto program = std::make_shared<sandbox::Program>();
  program->language = "python";
  program->source = fmt::format("import thespis_{0}\nthespis_{0}.main()\n", module);
  return program;
}

}  // namespace thespis::tasks
