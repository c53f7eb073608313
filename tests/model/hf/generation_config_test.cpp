// Goal: every token that either file calls an end ends a text; what is wrong is named.
// Method: documents by hand, a directory, random mutations.

#include "model/hf/generation_config.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "model/hf/hf_config.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/hf/known_models.hpp"
#include "runtime/base/error.hpp"
#include "tests/model/files.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;

namespace {

// As Qwen2.5-Instruct has it.
constexpr const char* kQwen = R"({"bos_token_id": 151643, "pad_token_id": 151643, "do_sample": true,
  "eos_token_id": [151645, 151643], "repetition_penalty": 1.05, "temperature": 0.7,
  "top_p": 0.8, "top_k": 20, "transformers_version": "4.37.0"})";

GenerationConfig read(const std::string& text) {
  return generation_from_json(text, "g.json", 151936);
}

}  // namespace

TEST_CASE("generation config: ends and recommendations") {
  const GenerationConfig g = read(kQwen);
  CHECK(g.eos_tokens == std::vector<int32_t>{151645, 151643});
  CHECK(g.temperature == 0.7);
  CHECK(g.top_p == 0.8);
  CHECK(g.top_k == 20u);
  CHECK_FALSE(read(R"({"temperature": 0.5})").temperature.has_value());  // It does not sample.
  CHECK(read("{}").eos_tokens.empty());
  CHECK(read(R"({"eos_token_id": 7})").eos_tokens == std::vector<int32_t>{7});
  CHECK_THROWS_WITH(read(R"({"eos_token_id": [1, 151936]})"),
                    ContainsSubstring("g.json: eos_token_id must be a token id below vocab_size"));
  CHECK_THROWS_WITH(read(R"({"top_p": 2})"), ContainsSubstring("top_p must be a number from 0"));
}

TEST_CASE("generation config: a directory's ends are those of all its files") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  ModelConfig config = known_model("qwen2.5-0.5b");
  config.eos_tokens = {151645};
  test::write_file(dir / kConfigFile, config_to_json(config));
  CHECK(load_config(dir).eos_tokens == std::vector<int32_t>{151645});
  test::write_file(dir / kGenerationConfigFile, kQwen);
  CHECK(load_config(dir).eos_tokens == std::vector<int32_t>{151645, 151643});
  CHECK(config_from_json(config_to_json(load_config(dir)), "again") == load_config(dir));
}

TEST_CASE("generation config: random mutations give InputErrors and nothing else", "[fuzz]") {
  CAPTURE(test::seed());
  test::Mutations mutations(22, {kQwen, R"({"eos_token_id": 2})"}, test::json_pieces());
  int refused = 0, accepted = 0;
  mutations.run("generation_config.json", 4000, [&](const std::string& mutated) {
    try {
      const GenerationConfig g = read(mutated);
      for (const int32_t id : g.eos_tokens) REQUIRE((id >= 0 && id < 151936));
      ++accepted;
    } catch (const InputError&) {
      ++refused;
    }
  });
  CHECK((refused > 0 && accepted > 0));
}
