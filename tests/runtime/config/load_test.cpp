// Goal: every value of a recipe comes from where the user thinks it does, and whatever is wrong is
// one line that names the place, the key and what would be right. Method: small recipes with one
// fault each, the whole message compared; the table's own invariants.

#include "runtime/config/load.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>
#include <set>

#include "runtime/base/error.hpp"
#include "runtime/config/keys.hpp"
#include "runtime/env/file_system.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::config;

namespace {

using Overrides = std::vector<std::string>;

std::string refusal(std::string_view text, const Overrides& overrides = {},
                    Verb verb = Verb::kShow) {
  try {
    parse(text, "r.toml", overrides, verb);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("recipe: the file and overrides replace defaults, and it is known which did") {
  const auto loaded = parse(
      "seed = 7\n[train]\nmax_age = 2\nlearning_rate = 1\nkl_type = \"k1\"\n"
      "[data]\ntrain_files = [\"a\", \"b\"]\n",
      "r.toml",
      {"train.max_age=0", "train.adv_estimator=dr_grpo", "name=\"x\"",
       "train.dynamic_sampling=true", "data.test_files=[\"c\"]", "rollout.temperature=0.5"},
      Verb::kShow);
  const Recipe& r = loaded.recipe;
  CHECK(r.seed == 7);
  CHECK(r.train.max_age == 0);
  CHECK(r.train.learning_rate == 1.0);  // A whole number where a number is due.
  CHECK(r.train.kl_type == KlType::kK1);
  CHECK(r.train.adv_estimator == AdvEstimator::kDrGrpo);
  CHECK(r.train.dynamic_sampling);
  CHECK(r.rollout.temperature == 0.5);
  CHECK(r.name == "x");
  CHECK(r.data.train_files == std::vector<std::string>{"a", "b"});
  CHECK(r.data.test_files == std::vector<std::string>{"c"});
  CHECK(r.rollout.group_size == Recipe{}.rollout.group_size);
  CHECK(loaded.provenance.at("seed") == "r.toml:1");
  CHECK(loaded.provenance.at("train.kl_type") == "r.toml:5");
  CHECK(loaded.provenance.at("train.max_age") == "--set");
  CHECK_FALSE(loaded.provenance.contains("rollout.group_size"));
}

TEST_CASE("recipe: of two overrides of one key the later counts") {
  CHECK(parse("", "r.toml", {"seed=2", "seed=3"}, Verb::kShow).recipe.seed == 3);
}

TEST_CASE("recipe: an unknown key names its line and the nearest key") {
  CHECK(refusal("[train]\n\nmax_aeg = 1\n") ==
        "r.toml:3: unknown key train.max_aeg; the nearest is train.max_age");
  CHECK(refusal("[trian]\nsteps = 1\n") ==
        "r.toml:2: unknown key trian.steps; the nearest is train.steps");
  CHECK(refusal("max_age = 1\n") == "r.toml:1: unknown key max_age; the nearest is train.max_age");
  CHECK(refusal("[rollouts]\n") == "r.toml:1: unknown key rollouts; the nearest is rollout.stop");
  CHECK(refusal("", {"train.kl_coeff=0"}) ==
        "--set train.kl_coeff=0: unknown key train.kl_coeff; the nearest is train.kl_coef");
  CHECK(refusal("[data]\n\"a\\nb\" = 1\n").find('\n') == std::string::npos);
}

TEST_CASE("recipe: a wrong type says what is due and what stands there") {
  CHECK(refusal("[train]\nmax_age = 1.5\n") ==
        "r.toml:2: train.max_age = 1.5: must be a whole number from 0 to 1024, not a number with a "
        "fraction");
  CHECK(refusal("[train]\nlearning_rate = \"1e-3\"\n") ==
        "r.toml:2: train.learning_rate = \"1e-3\": must be a number above 0 and at most 1, not a "
        "text");
  CHECK(refusal("[train]\ndynamic_sampling = 1\n") ==
        "r.toml:2: train.dynamic_sampling = 1: must be true or false, not a whole number");
  CHECK(refusal("name = 3\n") ==
        "r.toml:1: name = 3: must be a text in quotes, not a whole number");
  CHECK(
      refusal("[data]\ntrain_files = \"a\"\n") ==
      "r.toml:2: data.train_files = \"a\": must be a list of texts, as [\"a\", \"b\"], not a text");
  CHECK(refusal("[data]\ntrain_files = [\"a\", 1]\n") ==
        "r.toml:2: data.train_files: must be a list of texts, as [\"a\", \"b\"], but holds a whole "
        "number");
  CHECK(refusal("[train]\nkl_type = true\n") ==
        "r.toml:2: train.kl_type = true: must be one of \"k1\", \"k2\", \"k3\", not true or false");
  CHECK(
      refusal("[train]\nsteps = 2026-11-24\n") ==
      "r.toml:2: train.steps = a date or time: must be a whole number from 1 to 1000000000, not a "
      "date or time");
  CHECK(refusal("train = 3\n") ==
        "r.toml:1: train must be a table, as [train], not a whole number");
  CHECK(refusal("[[train]]\nsteps = 3\n") ==
        "r.toml:1: train must be a table, as [train], not a list");
  CHECK(refusal("", {"train.max_age=zero"}) ==
        "--set train.max_age=zero: must be a whole number from 0 to 1024");
  CHECK(refusal("", {"train.max_age="}) ==
        "--set train.max_age=: must be a whole number from 0 to 1024");
  CHECK(refusal("", {"train.max_age=1\nseed = 2"}) ==
        "--set train.max_age=1?seed = 2: must be a whole number from 0 to 1024");
  CHECK(refusal("", {"train.max_age"}) ==
        "--set train.max_age: must be SECTION.KEY=VALUE, as train.max_age=0");
}

TEST_CASE("recipe: a value out of range or not among the choices names what would be right") {
  CHECK(refusal("[train]\nmax_age = -1\n") ==
        "r.toml:2: train.max_age = -1: must be a whole number from 0 to 1024");
  CHECK(refusal("[rollout]\ntemperature = 0\n") ==
        "r.toml:2: rollout.temperature = 0: must be a number above 0 and at most 10");
  CHECK(refusal("[rollout]\ntemperature = nan\n") ==
        "r.toml:2: rollout.temperature = nan: must be a number above 0 and at most 10");
  CHECK(refusal("[train]\nkl_coef = inf\n") ==
        "r.toml:2: train.kl_coef = inf: must be a number from 0 to 100");
  CHECK(refusal("seed = -1\n") ==
        "r.toml:1: seed = -1: must be a whole number from 0 to 9223372036854775807");
  CHECK(refusal("[train]\nkl_type = \"k4\"\n") ==
        "r.toml:2: train.kl_type = \"k4\": must be one of \"k1\", \"k2\", \"k3\"");
  CHECK(refusal("", {"train.kl_type=k4"}) ==
        "--set: train.kl_type = \"k4\": must be one of \"k1\", \"k2\", \"k3\"");
  CHECK(refusal("name = \"a/b\"\n") ==
        "r.toml:1: name = \"a/b\": must be 1 to 64 letters, digits, '.', '_' or '-'");
  CHECK(
      refusal("[data.countdown]\noperators = \"++\"\n") ==
      "r.toml:2: data.countdown.operators = \"++\": must be some of the operators + - * /, each at "
      "most once");
  CHECK(refusal("[cluster]\nlisten = \"localhost\"\n") ==
        "r.toml:2: cluster.listen = \"localhost\": must be HOST:PORT, port 0 for any free one");
  CHECK(refusal("[cluster]\nlisten = \"h:65536\"\n") != "accepted");
  CHECK(refusal("[cluster]\nlisten = \"[::1]:65535\"\n") == "accepted");
}

TEST_CASE("recipe: text that is not TOML names the line") {
  CHECK(refusal("seed = 1\nseed =\n").starts_with("r.toml:2: not TOML: "));
  CHECK(refusal("seed = 1\nseed = 2\n").starts_with("r.toml:2: not TOML: "));
  CHECK(refusal("seed = \"\xff\"\n").starts_with("r.toml:1: not TOML: "));
}

TEST_CASE("recipe: limits on size and depth are refusals, not crashes") {
  CHECK(refusal(std::string(kRecipeBytesMax + 1, ' ')) == "r.toml: larger than 1048576 bytes");
  std::string deep = "seed = 1\na";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  CHECK(refusal(deep + " = 1\n") == "r.toml:2: line longer than 4096 bytes");
  std::string as_deep_as_allowed = "[a";
  for (int i = 0; i < 2045; ++i) as_deep_as_allowed += ".a";
  CHECK(refusal(as_deep_as_allowed + "]\n").find("unknown key a.a") != std::string::npos);
  CHECK(refusal("seed = " + std::string(4000, '[') + "\n").starts_with("r.toml:1: not TOML: "));
  CHECK(refusal("", {"name=" + std::string(5000, 'a')}).ends_with("longer than 4096 bytes"));
}

TEST_CASE("recipe: a verb's needs are asked for, and only its own") {
  const std::string train = "[train]\nsteps = 3\nlearning_rate = 1e-4\n";
  CHECK(refusal(train, {}, Verb::kTrain) ==
        "r.toml: model.path is missing and has no default; must be a text in quotes");
  CHECK(refusal(train, {"model.path=m"}, Verb::kTrain) == "accepted");
  CHECK(refusal(train, {"model.path=m"}, Verb::kPretrain) ==
        "r.toml: pretrain.tokens is missing and has no default; must be a whole number from 1 to "
        "1000000000000000");
  CHECK(refusal("", {}, Verb::kShow) == "accepted");
}

TEST_CASE("recipe: keys that contradict each other are refused by name") {
  CHECK(refusal("[data.countdown]\nnumber_min = 20\n") ==
        "r.toml:2: data.countdown.number_min = 20: must be at most data.countdown.number_max = 12");
  CHECK(refusal("[data.countdown]\ntarget_max = 0\n") ==
        "r.toml:2: data.countdown.target_min = 1: must be at most data.countdown.target_max = 0");
  CHECK(refusal("", {"train.overlong_buffer=385"}) ==
        "--set: train.overlong_buffer = 385: must be at most rollout.max_response_length = 384");
  CHECK(refusal("[data]\nsource = \"jsonl\"\n") ==
        "r.toml:2: data.source = \"jsonl\": needs data.train_files, a list of at least one file");
  CHECK(refusal("[pretrain.model]\nheads = 3\n") ==
        "r.toml:2: pretrain.model.kv_heads = 2: must divide pretrain.model.heads = 3");
  CHECK(refusal("[pretrain.model]\nhead_dim = 33\n") ==
        "r.toml:2: pretrain.model.head_dim = 33: must be even, for rotary positions");
}

TEST_CASE("recipe: a file is read, and one that cannot be is named") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/a.toml";
  const std::string text = "[train]\nmax_age = 3\n";
  env::RealFileSystem().replace(path, std::as_bytes(std::span(text)));
  const auto loaded = load(path, {}, Verb::kShow);
  CHECK(loaded.recipe.train.max_age == 3);
  CHECK(loaded.provenance.at("train.max_age") == path + ":2");
  CHECK_THROWS_AS(load(directory.path() + "/none.toml", {}, Verb::kShow), InputError);
  CHECK_THROWS_AS(load(directory.path(), {}, Verb::kShow), InputError);
}

TEST_CASE("keys: each field has one key, a rule that its default obeys, and bounds it can hold") {
  Recipe recipe;
  std::set<const void*> fields;
  std::set<std::string_view> names;
  for (const Key& key : keys()) {
    CAPTURE(key.name);
    const Field field = key.field(recipe);
    const void* address = std::visit(
        [](auto f) -> const void* {
          if constexpr (std::is_same_v<decltype(f), Choice>)
            return f.index;
          else
            return f;
        },
        field);
    CHECK(fields.insert(address).second);
    CHECK(names.insert(key.name).second);
    CHECK(find_key(key.name) == &key);
    CHECK(nearest_key(key.name) == key.name);
    CHECK((!key.about.empty() && key.about.find('\n') == key.about.npos));
    CHECK_FALSE(key.expectation().empty());
    const auto* range = std::get_if<Range>(&key.rule);
    const bool number =
        std::holds_alternative<uint32_t*>(field) || std::holds_alternative<uint64_t*>(field) ||
        std::holds_alternative<double*>(field) || std::holds_alternative<AutoCount*>(field);
    CHECK(number == (range != nullptr));
    if (range != nullptr && !std::holds_alternative<double*>(field) &&
        !std::holds_alternative<uint64_t*>(field))
      CHECK((range->low >= 0 && range->high <= std::numeric_limits<uint32_t>::max()));
    if (const auto* choice = std::get_if<Choice>(&field))
      CHECK(*choice->index < choice->names.size());
  }
}

TEST_CASE("keys: the nearest key is found whatever is asked") {
  CHECK(nearest_key("") != "");
  CHECK(nearest_key(std::string(100'000, 'x')) != "");
  CHECK(nearest_key("rollout.max_length") == "rollout.max_prompt_length");
  CHECK(nearest_key("train.beta3") == "train.beta1");
  CHECK(nearest_key("eval.evrey") == "eval.every");
}
