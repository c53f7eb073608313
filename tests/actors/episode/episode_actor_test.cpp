// Goal: an episode hands over a whole group (E-1, E-2), and keeps VERDICT: what could not be
// judged is dropped by name, never scored.
// Method: the real episode actor under virtual time; pools and conductor are played by the test.

#include "actors/episode/episode_actor.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "runtime/env/clock.hpp"
#include "runtime/wire/lists.hpp"
#include "tests/support/virtual_system.hpp"

using namespace thespis;
using namespace std::chrono_literals;
using test::Scripted;

namespace {

constexpr uint32_t kGroup = 3;

struct Outcome {
  std::vector<wire::Message<wire::Group>> groups;
  std::vector<std::string> drops;
  int scored = 0;
};

struct World {
  test::VirtualSystem system;
  env::RealClock clock;
  std::shared_ptr<Outcome> outcome = std::make_shared<Outcome>();

  /// An episode whose sample `unjudged` gets an error from the rewards (kGroup: none does); with
  /// `silent` the rewards never answer.
  void start(uint32_t unjudged, bool silent = false) {
    auto context = std::make_shared<EpisodeContext>();
    context->samplers = system.script([](Scripted&) -> caf::behavior {
      return {[](const wire::Message<wire::Generate>& job) {
                return wire::Message<wire::Rollout>::build([&](wire::Rollout::Builder r) {
                  const auto view = job.read();
                  r.setJob(view->getJob());
                  const std::vector<int32_t> tokens{112};
                  wire::fill_list(r.initTokens(1), tokens);
                  wire::fill_list(r.initLogprobs(1), std::vector<float>{-0.5f});
                  wire::fill_list(r.initVersions(1), std::vector<uint64_t>{7});
                });
              },
              [](const wire::Message<wire::Cancel>&) {}};
    });
    context->rewards =
        system.script([unjudged, silent, o = outcome](Scripted& self) -> caf::behavior {
          return {[unjudged, silent, o, &self](const wire::Message<wire::Judge>& job)
                      -> caf::result<wire::Message<wire::Verdict>> {
                    if (silent) return self.make_response_promise();
                    const auto view = job.read();
                    const uint32_t sample = view->getJob().getSample();
                    if (sample == unjudged)
                      return caf::make_error(caf::sec::runtime_error, "the judge broke");
                    ++o->scored;
                    return wire::Message<wire::Verdict>::build([&](wire::Verdict::Builder v) {
                      v.setJob(view->getJob());
                      v.setScore(static_cast<float>(sample));
                    });
                  },
                  [](const wire::Message<wire::Cancel>&) {}};
        });
    context->tokenizer = std::make_shared<const model::Tokenizer>(model::Tokenizer::load(
        std::filesystem::path(THESPIS_SOURCE_DIR) / "recipes/zero-tiny/model/tokenizer.json"));
    context->clock = &clock;
    context->group_size = kGroup;
    context->max_tokens = 8;
    context->kind = "countdown";
    context->deadline = 60s;
    const auto conductor = system.script([o = outcome](Scripted&) -> caf::behavior {
      return {[o](const wire::Message<wire::Group>& group) { o->groups.push_back(group); },
              [o](dropped_atom, uint64_t, const std::string& why) { o->drops.push_back(why); }};
    });
    system.spawn<EpisodeActor>(std::shared_ptr<const EpisodeContext>(context), conductor,
                               Episode::Identity{5, 9, 7, {1, 2}, "{}"}, uint64_t{0});
    system.run();
  }
};

}  // namespace

TEST_CASE("episode actor: hands the whole group over, each sample with its own verdict",
          "[actors]") {
  World world;
  world.start(kGroup);
  REQUIRE(world.outcome->groups.size() == 1);
  CHECK(world.outcome->drops.empty());
  const auto group = world.outcome->groups[0].read();
  CHECK(group->getId() == 5);
  CHECK(group->getPromptIndex() == 9);
  REQUIRE(group->getSamples().size() == kGroup);
  for (uint32_t i = 0; i < kGroup; ++i) {
    CHECK(group->getSamples()[i].getScore() == static_cast<float>(i));
    CHECK(group->getSamples()[i].getVersions()[0] == 7);
  }
}

TEST_CASE("VERDICT: a failure to judge drops the group and is never a score", "[actors]") {
  World world;
  world.start(1);
  CHECK(world.outcome->groups.empty());
  REQUIRE(world.outcome->drops.size() == 1);
  CHECK(world.outcome->drops[0].find("the judge broke") != std::string::npos);
}

TEST_CASE("DEADLINE: an episode that is owed something says what when it gives up", "[actors]") {
  World world;
  world.start(kGroup, /*silent=*/true);
  world.system.pass(61s);
  CHECK(world.outcome->groups.empty());
  REQUIRE(world.outcome->drops.size() == 1);
  CHECK(world.outcome->drops[0].find("sample 0: verdict") != std::string::npos);
}
