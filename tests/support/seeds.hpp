#pragma once
// The seed of a random test: THESPIS_SEED replays one, else a fixed default keeps CI reproducible.

#include <cstdint>
#include <cstdlib>

namespace thespis::test {

inline uint64_t seed() {
  const char* text = std::getenv("THESPIS_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
}

}  // namespace thespis::test
