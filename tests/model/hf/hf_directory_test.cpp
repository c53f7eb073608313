// Goal: a saved directory loads back bit for bit, and one that does not fit its config is refused
// with the tensor and both shapes.
// Method: every family saved and loaded; one fault at a time.
// (tests/golden/check_with_transformers.py opens such a directory with the libraries of Hugging
// Face.)

#include "model/hf/hf_directory.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "model/hf/hf_config.hpp"
#include "model/hf/safetensors.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/base/error.hpp"
#include "tests/model/files.hpp"
#include "tests/model/small_config.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* kTokenizer = R"({
  "added_tokens": [{"id": 2, "content": "<e>", "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true}],
  "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}})";

/// A list of tensors to write, with the means to spoil it.
struct Spoiled {
  Weights weights;
  std::vector<TensorToWrite> tensors;
  std::vector<float> extra = std::vector<float>(1000, 0.25f);

  explicit Spoiled(const ModelConfig& config) : weights(init_weights(config, 3)) {
    for (const TensorSpec& spec : weights.layout.tensors) {
      tensors.push_back(
          {spec.name, spec.shape(), read_values(std::as_const(weights).tensor(spec))});
    }
  }
  TensorToWrite& at(const std::string& name) {
    for (TensorToWrite& t : tensors)
      if (t.name == name) return t;
    throw std::runtime_error("no tensor " + name);
  }
  void erase(const std::string& name) {
    std::erase_if(tensors, [&](const TensorToWrite& t) { return t.name == name; });
  }
  void add(const std::string& name, std::vector<uint64_t> shape) {
    uint64_t size = 1;
    for (const uint64_t d : shape) size *= d;
    tensors.push_back({name, std::move(shape), read_values(std::span(extra).first(size))});
  }
  /// What load_weights says to it.
  std::string verdict() const {
    const test::TemporaryDirectory temporary;
    const std::filesystem::path dir = temporary.path();
    test::write_file(dir / kConfigFile, config_to_json(weights.config));
    env::RealFileSystem files;
    write_safetensors(files, dir / kWeightsFile, tensors);
    try {
      const Weights loaded = load_weights(dir);
      return loaded.checksum() == weights.checksum() ? "same" : "other";
    } catch (const InputError& e) {
      return e.what();
    }
  }
};

}  // namespace

TEST_CASE("model directory: what is saved is loaded bit for bit") {
  for (const char* type : {"qwen2", "qwen3", "llama"})
    for (const bool tied : {false, true}) {
      CAPTURE(type, tied);
      const test::TemporaryDirectory temporary;
      const auto dir = std::filesystem::path(temporary.path()) / "new" / "model";
      const Weights weights = init_weights(test::small_config(type, tied), 7);
      save_model(dir, weights, {{kTokenizerFile, kTokenizer}});
      const Weights loaded = load_weights(dir);
      CHECK(loaded.config == weights.config);
      CHECK(loaded.checksum() == weights.checksum());
      const auto tokenizer = Tokenizer::load(dir);
      CHECK(tokenizer.json() == kTokenizer);
      CHECK(tokenizer.eos_token() == 2);

      const Weights later = init_weights(test::small_config(type, tied), 8);
      save_model(dir, later, load_companions(dir));  // Over the old one.
      CHECK(load_weights(dir).checksum() == later.checksum());
      size_t files = 0;
      for (const auto& entry : std::filesystem::directory_iterator(dir)) files += entry.exists();
      CHECK(files == 4);
    }
}

TEST_CASE("model directory: tensors that do not fit the config are named with both shapes") {
  const ModelConfig config = test::small_config("qwen2", true);
  CHECK(Spoiled(config).verdict() == "same");
  Spoiled missing(config);
  missing.erase("model.layers.1.self_attn.k_proj.bias");
  CHECK_THAT(missing.verdict(),
             ContainsSubstring("tensor model.layers.1.self_attn.k_proj.bias [4] is missing"));
  Spoiled unexpected(config);
  unexpected.add("model.layers.2.mlp.up_proj.weight", {10, 8});
  CHECK_THAT(unexpected.verdict(),
             ContainsSubstring("\"model.layers.2.mlp.up_proj.weight\" [10, 8] is unexpected"));
  Spoiled transposed(config);
  transposed.at("model.layers.0.mlp.down_proj.weight").shape = {10, 8};
  CHECK_THAT(transposed.verdict(),
             ContainsSubstring("down_proj.weight has shape [10, 8]; config.json asks for [8, 10]"));
  Spoiled flat(config);
  flat.at("model.norm.weight").shape = {1, 8};
  CHECK_THAT(flat.verdict(), ContainsSubstring("has shape [1, 8]; config.json asks for [8]"));
  Spoiled ignored(config);
  ignored.add("model.layers.0.self_attn.rotary_emb.inv_freq", {1});
  CHECK(ignored.verdict() == "same");
}

TEST_CASE("model directory: a head beside tied embeddings must be the embedding") {
  Spoiled same(test::small_config("qwen2", true));
  same.tensors.push_back(same.at("model.embed_tokens.weight"));
  same.tensors.back().name = "lm_head.weight";
  CHECK(same.verdict() == "same");
  Spoiled other(test::small_config("qwen2", true));
  other.add("lm_head.weight", {12, 8});
  CHECK_THAT(other.verdict(), ContainsSubstring("lm_head.weight differs from model.embed_tokens"));
  Spoiled untied(test::small_config("llama", false));
  untied.erase("lm_head.weight");
  CHECK_THAT(untied.verdict(), ContainsSubstring("tensor lm_head.weight [12, 8] is missing"));
}

TEST_CASE("model directory: missing files are refused by name") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  CHECK_THROWS_WITH(load_weights(dir / "none"),
                    ContainsSubstring("none/config.json: cannot be opened"));
  test::write_file(dir / kConfigFile, config_to_json(test::small_config("qwen2", true)));
  CHECK_THROWS_WITH(load_weights(dir), ContainsSubstring("model.safetensors: cannot be opened"));
}

TEST_CASE("model directory: a config of a petabyte beside a small file allocates nothing") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  const Weights weights = init_weights(test::small_config("llama", true), 1);
  save_model(dir, weights, {{kTokenizerFile, kTokenizer}});
  auto config = nlohmann::json::parse(config_to_json(weights.config));
  config["vocab_size"] = 1 << 22;
  config["hidden_size"] = 1 << 16;
  config["num_hidden_layers"] = 1 << 10;
  config["intermediate_size"] = 1 << 20;
  test::write_file(dir / kConfigFile, config.dump());
  CHECK_THROWS_WITH(load_weights(dir), ContainsSubstring("config.json asks for [4194304, 65536]"));
}

TEST_CASE("model directory: a tokenizer that does not fit the model is not saved") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  const CompanionFiles companions = {{kTokenizerFile, kTokenizer}};
  ModelConfig config = test::small_config("qwen2", true);
  config.eos_tokens = {5};
  CHECK_THROWS_WITH(save_model(dir, Weights(config), companions), ContainsSubstring("no token 5"));
  config.eos_tokens = {1};
  config.vocab_size = 2;
  CHECK_THROWS_WITH(save_model(dir, Weights(config), companions),
                    ContainsSubstring("has 3 tokens; the model has 2"));
  CHECK_THROWS_AS(
      save_model(dir, Weights(test::small_config("qwen2", true)), {{kTokenizerFile, "{}"}}),
      InputError);
  CHECK_FALSE(std::filesystem::exists(dir / kConfigFile));
}
