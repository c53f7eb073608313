#pragma once
// The program's verbs, one file each. Each returns the process's exit code; errors that end a verb are
// exceptions that main turns into one line.

#include <string>
#include <vector>

namespace thespis::app {

/// Prints what this machine has, and what is on or off because of it. Always 0.
int run_doctor();

/// Prints the recipe in `path` whole, as TOML, with where each value came from. Throws InputError.
int run_recipe(const std::string& path, const std::vector<std::string>& overrides);

}  // namespace thespis::app
