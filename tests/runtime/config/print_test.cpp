// Goal: a recipe survives being printed and read again, whatever its values (a node reads the
// recipe that the conductor printed), and no text at all makes the reader throw anything but
// InputError. Method: random values for every key within its rule; random mutations of valid
// recipes, with proof that both outcomes were reached.

#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "runtime/base/error.hpp"
#include "runtime/config/keys.hpp"
#include "runtime/config/load.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::config;
using env::KeyedRandom;
using env::Purpose;

namespace {

/// Sets a field to a random value that its rule allows.
struct Randomise {
  KeyedRandom& random;
  const Key& key;

  double in_range() const {
    const auto& range = std::get<Range>(key.rule);
    // Now and then the bounds themselves; mostly anything between, small values too.
    if (!range.open && random.below(8) == 0) return range.low;
    if (random.below(8) == 0) return range.high;
    const double span = range.high - range.low;
    const double share = std::pow(10.0, -12 * random.uniform()) * (1 - random.uniform());
    return std::min(range.high, range.low + std::max(span * share, range.open ? 1e-300 : 0));
  }
  void operator()(bool* out) const { *out = random.below(2) == 0; }
  void operator()(uint32_t* out) const { *out = static_cast<uint32_t>(in_range()); }
  void operator()(uint64_t* out) const {
    *out = std::min(static_cast<uint64_t>(in_range()), (uint64_t{1} << 63) - 1);
  }
  void operator()(double* out) const { *out = in_range(); }
  void operator()(AutoCount* out) const {
    out->count = random.below(2) == 0 ? 0 : static_cast<uint32_t>(in_range());
  }
  void operator()(Choice choice) const {
    *choice.index = static_cast<uint8_t>(random.below(static_cast<uint32_t>(choice.names.size())));
  }
  std::string text() const {
    static constexpr std::string_view kPieces[] = {"a",      "\"", "\\",   "\n",   "\t",
                                                   "#",      "]",  "\x7f", "\x01", "é",
                                                   "\u65e5", "=",  " ",    "'",    "\\u0041"};
    std::string out;
    for (uint32_t n = random.below(12); n > 0; --n)
      out += kPieces[random.below(std::size(kPieces))];
    return out;
  }
  void operator()(std::string* out) const {
    if (!std::holds_alternative<TextRule>(key.rule))
      *out = text();
    else if (key.name == "model.path" || key.name == "data.prompt_key")
      *out = "p" + text();
  }
  void operator()(std::vector<std::string>* out) const {
    for (uint32_t n = random.below(4); n > 0; --n) out->push_back(text());
  }
};

Recipe random_recipe(KeyedRandom& random) {
  Recipe r;
  for (const Key& key : keys()) std::visit(Randomise{random, key}, key.field(r));
  // What check.hpp asks of keys together.
  r.data.countdown.number_min = std::min(r.data.countdown.number_min, r.data.countdown.number_max);
  r.data.countdown.target_min = std::min(r.data.countdown.target_min, r.data.countdown.target_max);
  auto& programs = r.data.programs;
  programs.operations_min = std::min(programs.operations_min, programs.operations_max);
  r.train.overlong_buffer = std::min(r.train.overlong_buffer, r.rollout.max_response_length);
  r.cluster.heartbeat_interval_s =
      std::min(r.cluster.heartbeat_interval_s, r.cluster.heartbeat_deadline_s);
  r.train.zero |= 1u;
  r.train.local_ranks = std::min(r.train.local_ranks, r.train.ranks);
  r.train.warmup_steps = std::min(r.train.warmup_steps, r.train.steps);
  r.eval.prompts = std::min(r.eval.prompts, r.data.held_out);
  if (r.data.train_files.empty()) r.data.train_files.push_back("x");
  r.pretrain.model.kv_heads = r.pretrain.model.heads;
  r.pretrain.model.head_dim = r.pretrain.model.head_dim / 2 * 2;
  return r;
}

}  // namespace

TEST_CASE("recipe: printing and reading gives the recipe back", "[fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  KeyedRandom random(seed, Purpose::kSimulation, 1);
  CHECK(parse(to_toml(Recipe{}), "p", {}, Verb::kShow).recipe == Recipe{});
  for (int i = 0; i < 300; ++i) {
    const Recipe recipe = random_recipe(random);
    const std::string text = to_toml(recipe);
    CAPTURE(i, text);
    REQUIRE(parse(text, "p", {}, Verb::kTrain).recipe == recipe);
    REQUIRE(parse(text, "p", {}, Verb::kPretrain).recipe == recipe);
  }
}

TEST_CASE("recipe: the printed form says where each value came from") {
  const auto loaded = parse("[train]\nmax_age = 2\n", "a\nb.toml", {"seed=3"}, Verb::kShow);
  const std::string text = to_toml(loaded);
  CAPTURE(text);
  CHECK(text.find("seed = 3                           # --set | Every random number") == 0);
  CHECK(text.find("\nmax_age = 2                        # a?b.toml:2 | Steps") != text.npos);
  CHECK(text.find("\nkl_coef = 0.001                    # default | Weight") != text.npos);
  CHECK(text.find("\ntemperature = 1.0 ") != text.npos);  // A float, for other readers of TOML.
  CHECK(text.find("\n# steps =    # not set; needed by thespis train | Optimizer steps\n") !=
        text.npos);
  for (const Key& key : keys()) {
    const std::string start = (key.needed_by ? "\n# " : "\n") + std::string(key.leaf()) + " = ";
    CHECK(("\n" + text).find(start) != text.npos);
  }
}

TEST_CASE("recipe: mutated text is read or refused with InputError, nothing else", "[fuzz]") {
  CAPTURE(test::seed());
  KeyedRandom random(test::seed(), Purpose::kSimulation, 2);
  test::Mutations mutations(3, {to_toml(random_recipe(random))},
                            {"[",
                             "]",
                             "[[",
                             "\"",
                             "\"\"\"",
                             "'''",
                             "=",
                             ".",
                             "\n",
                             "#",
                             "{",
                             "}",
                             ",",
                             "1e",
                             "0x",
                             "-",
                             "inf",
                             "nan",
                             "\xff",
                             "\xed\xa0\x80",
                             "\\u",
                             "\\U0010FFFF",
                             "1979-05-27T07:32:00Z",
                             "00:00",
                             "true",
                             "9223372036854775808",
                             "train",
                             "seed",
                             std::string(1, '\0'),
                             "\r",
                             "\xef\xbb\xbf"});
  int accepted = 0, refused = 0;
  mutations.run("recipe", 4000, [&](const std::string& text) {
    CAPTURE(text);
    try {
      const auto loaded = parse(text, "fuzz", {}, Verb::kTrain);
      REQUIRE(parse(to_toml(loaded), "again", {}, Verb::kTrain).recipe == loaded.recipe);
      ++accepted;
    } catch (const InputError& error) {
      const std::string message = error.what();
      REQUIRE((message.starts_with("fuzz") && message.find('\n') == message.npos));
      ++refused;
    }
  });
  CHECK((accepted > 100 && refused > 100));
}

TEST_CASE("recipe: mutated overrides are taken or refused with InputError, nothing else",
          "[fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  KeyedRandom random(seed, Purpose::kSimulation, 3);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const Key& key = keys()[random.below(static_cast<uint32_t>(keys().size()))];
    std::string text = std::string(key.name) + "=" + std::to_string(random.below(4));
    for (uint32_t n = random.below(3); n > 0; --n)
      text.insert(random.below(static_cast<uint32_t>(text.size() + 1)), 1,
                  static_cast<char>(random.below(256)));
    CAPTURE(i, text);
    try {
      parse("", "r", {text}, Verb::kShow);
      ++accepted;
    } catch (const InputError&) {
      ++refused;
    }
  }
  CHECK((accepted > 100 && refused > 100));
}
