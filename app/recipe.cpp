// thespis recipe RECIPE [--set a.b=c]: the resolved recipe, fit to be saved and used as one.

#include <cstdio>

#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"

namespace thespis::app {

int run_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  const std::string text = config::to_toml(config::load(path, overrides, config::Verb::kShow));
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error("standard output: cannot be written");
  return 0;
}

}  // namespace thespis::app
