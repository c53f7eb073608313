#pragma once
// The numbers of other implementations, made by the scripts in tests/golden.

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace thespis::test {

/// The whole file tests/golden/NAME.
inline nlohmann::json goldens(const std::string& name) {
  std::ifstream file(THESPIS_SOURCE_DIR "/tests/golden/" + name);
  if (!file) throw std::runtime_error("no tests/golden/" + name);
  return nlohmann::json::parse(file);
}

}  // namespace thespis::test
