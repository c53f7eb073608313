// Goal: every recipe that is shipped is one that its verb accepts.
// Method: all of recipes/*.toml, read for pretraining where they say how many tokens, else for
// training.

#include <catch2/catch_test_macros.hpp>

#include "runtime/config/load.hpp"
#include "runtime/env/file_system.hpp"

using namespace thespis;
using namespace thespis::config;

TEST_CASE("recipes: each one that is shipped can be used, and printed for a node to read") {
  const std::string directory = THESPIS_SOURCE_DIR "/recipes";
  int trainings = 0, pretrainings = 0;
  for (const auto& entry : env::RealFileSystem().list(directory)) {
    if (!entry.name.ends_with(".toml")) continue;
    CAPTURE(entry.name);
    const auto shown = load(directory + "/" + entry.name, {}, Verb::kShow);
    const bool pretrains = shown.provenance.contains("pretrain.tokens");
    const auto verb = pretrains ? Verb::kPretrain : Verb::kTrain;
    const auto loaded = load(directory + "/" + entry.name, {}, verb);
    CHECK(parse(to_toml(loaded), "printed", {}, verb).recipe == loaded.recipe);
    ++(pretrains ? pretrainings : trainings);
  }
  CHECK((trainings > 0 && pretrainings > 0));
}
