// Goal: R-1 and R-2 (registry.hpp): every message crosses as a frame and comes back; a broken
// frame is refused.
// Method: round trips, the schema files read as text, and frames with random bits flipped.

#include "runtime/wire/registry.hpp"

#include <caf/make_message.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <optional>
#include <random>
#include <regex>
#include <set>
#include <string>

#include "runtime/base/error.hpp"
#include "schemas/group.capnp.h"
#include "schemas/rollout.capnp.h"
#include "tests/support/seeds.hpp"

using namespace thespis;
using wire::Registry;
using Rollout = wire::Message<wire::Rollout>;
using Group = wire::Message<wire::Group>;

namespace {

Rollout rollout() {
  return Rollout::build([](wire::Rollout::Builder out) {
    out.getJob().setGroup(9);
    auto tokens = out.initTokens(300);
    for (unsigned i = 0; i < 300; ++i) tokens.set(i, static_cast<int32_t>(i));
    out.initLogprobs(300);
    out.initVersions(300);
  });
}

// Something with every kind of field: text, structs, lists of structs and of numbers.
Group group() {
  return Group::build([](wire::Group::Builder out) {
    out.setTask("{}");
    out.initPrompt(5);
    out.initTiming();
    auto samples = out.initSamples(3);
    for (auto sample : samples) {
      sample.initTokens(7);
      sample.initLogprobs(7);
      sample.setText("text");
      sample.initComponents(1)[0].setName("format");
    }
  });
}

uint64_t read_all(const Group& message) {
  const auto in = message.read();
  uint64_t sum = in->getTask().size();
  for (const int32_t token : in->getPrompt()) sum += static_cast<uint64_t>(token);
  for (const auto sample : in->getSamples()) {
    for (const int32_t token : sample.getTokens()) sum += static_cast<uint64_t>(token);
    for (const float logprob : sample.getLogprobs()) sum += logprob > 0;
    sum += sample.getText().size();
    for (const auto component : sample.getComponents()) sum += component.getName().size();
  }
  return sum + (in->getTiming().getSampling() > 0 ? 1 : 0);
}

}  // namespace

TEST_CASE("registry: a message crosses as a frame and comes back", "[runtime][wire]") {
  const Registry registry = Registry::all();
  const Rollout sent = rollout();
  const auto out = registry.to_frame(caf::make_message(sent));
  REQUIRE(out);
  CHECK(out->frame.words == sent.frame().words);  // The bytes are shared, not copied.
  const caf::message back = registry.to_message(out->type_id, out->frame);
  REQUIRE(back.match_elements<Rollout>());
  const auto in = back.get_as<Rollout>(0);
  CHECK(in.read()->getTokens()[299] == 299);
}

TEST_CASE("registry: only one listed message at a time crosses", "[runtime][wire]") {
  const Registry registry = Registry::all();
  CHECK_FALSE(registry.to_frame(caf::make_message(1)));
  CHECK_FALSE(registry.to_frame(caf::make_message()));
  CHECK_FALSE(registry.to_frame(caf::make_message(rollout(), rollout())));
  CHECK_FALSE(registry.to_frame(caf::make_message(std::string("text"))));
}

TEST_CASE("registry: every message of the schemas is listed", "[runtime][wire]") {
  // What lies inside of others, or is kept in files and said on control connections.
  const std::set<std::string> not_messages = {"JobId"};
  std::set<std::string> listed;
  const Registry registry = Registry::all();
  for (const Registry::Entry& entry : registry.entries()) listed.insert(std::string(entry.name));
  for (const char* file : {"cluster", "rollout", "weights", "group"}) {
    std::ifstream schema(std::string(THESPIS_SOURCE_DIR) + "/schemas/" + file + ".capnp");
    REQUIRE(schema);
    std::smatch match;
    for (std::string line; std::getline(schema, line);) {
      if (!std::regex_search(line, match, std::regex("^struct ([A-Za-z]+)"))) continue;
      CAPTURE(file, match[1].str());
      CHECK((listed.contains(match[1]) || not_messages.contains(match[1])));
    }
  }
}

TEST_CASE("registry: an unknown type and an empty frame are refused", "[runtime][wire]") {
  const Registry registry = Registry::all();
  CHECK_THROWS_AS(registry.to_message(1, rollout().frame()), Error);
  CHECK_THROWS_AS(registry.to_message(Rollout::type_id(), {}), Error);
}

TEST_CASE("registry: a broken frame is refused, or can be read", "[runtime][wire][fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  const Registry registry = Registry::all();
  const Group sent = group();
  const auto whole = sent.frame().bytes();
  uint64_t refused = 0, read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<uint8_t> bytes(whole.begin(), whole.end());
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1U << (random() % 8));
    if (random() % 4 == 0) bytes.resize((1 + random() % (bytes.size() / 8)) * 8);
    std::optional<caf::message> message;
    try {
      message = registry.to_message(Group::type_id(), wire::Frame::copy(bytes));
    } catch (const Error&) {
      ++refused;
    }
    if (!message) continue;
    REQUIRE_NOTHROW(read_all(message->get_as<Group>(0)));
    ++read;
  }
  CHECK(refused > 100);
  CHECK(read > 100);
}
