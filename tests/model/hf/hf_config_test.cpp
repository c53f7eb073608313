// Goal: config.json means here what it means to transformers, and what we cannot compute is
// refused by name.
// Method: files that transformers wrote (tests/golden/make_hf_goldens.py), cases by hand, round
// trips, a file cut at every length and randomly mutated.

#include "model/hf/hf_config.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/goldens.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

json small_document(const std::string& model_type = "qwen2") {
  return {{"model_type", model_type},    {"vocab_size", 64},
          {"hidden_size", 16},           {"intermediate_size", 24},
          {"num_hidden_layers", 2},      {"num_attention_heads", 4},
          {"num_key_value_heads", 2},    {"max_position_embeddings", 128},
          {"tie_word_embeddings", true}, {"rope_theta", 1e6},
          {"rms_norm_eps", 1e-6},        {"eos_token_id", 5}};
}

ModelConfig read(const json& document) {
  return config_from_json(document.dump(), "config.json");
}

std::string refusal(const json& document) {
  try {
    read(document);
  } catch (const InputError& e) {
    return e.what();
  }
  return "(accepted)";
}

std::string refusal_with(const std::string& pointer, const json& value,
                         const std::string& model_type = "qwen2") {
  json document = small_document(model_type);
  document[json::json_pointer(pointer)] = value;
  return refusal(document);
}

const json& golden(const json& goldens, const std::string& name) {
  for (const json& g : goldens["configs"])
    if (g["name"] == name) return g;
  throw std::runtime_error("no golden " + name);
}

}  // namespace

TEST_CASE("config: files of transformers give the shapes of transformers") {
  const json goldens = test::goldens("hf_goldens.json");
  for (const char* name : {"qwen2 tied", "qwen3 head_dim", "llama"}) {
    CAPTURE(name);
    const json& g = golden(goldens, name);
    const ModelConfig config = config_from_json(g["text"].get<std::string>(), name);
    CHECK(config.rms_norm_eps == 1e-5f);
    CHECK(config.rope_theta == 10000);
    CHECK(config.bos_token == 3);
    CHECK(config.eos_tokens == std::vector<int32_t>{5, 7});
    CHECK(config.context_max == 128);
    std::map<std::string, std::vector<uint64_t>> ours;
    for (const TensorSpec& t : WeightLayout::of(config).tensors) ours[t.name] = t.shape();
    CHECK(ours == g["tensors"].get<std::map<std::string, std::vector<uint64_t>>>());
    CHECK(config_from_json(config_to_json(config), "again") == config);
  }
  const auto text = [&](const char* name) {
    return golden(goldens, name)["text"].get<std::string>();
  };
  CHECK_THROWS_WITH(config_from_json(text("llama scaled"), "c.json"),
                    ContainsSubstring("c.json: rope_parameters.rope_type \"linear\" is not"));
  CHECK_THROWS_WITH(config_from_json(text("qwen2 sliding"), "c.json"),
                    ContainsSubstring("layer_types has \"sliding_attention\""));
}

TEST_CASE("config: absent keys mean what they mean to transformers") {
  json document = small_document();
  for (const char* key : {"max_position_embeddings", "tie_word_embeddings", "rope_theta",
                          "rms_norm_eps", "eos_token_id", "num_key_value_heads"})
    document.erase(key);
  ModelConfig c = read(document);
  CHECK(c.context_max == 32768);
  CHECK_FALSE(c.tied_embeddings);
  CHECK(c.rope_theta == 10000);
  CHECK(c.rms_norm_eps == 1e-6f);
  CHECK(c.eos_tokens.empty());
  CHECK(c.bos_token == -1);
  CHECK(c.head_dim == 4);
  document["model_type"] = "llama";
  c = read(document);
  CHECK(c.kv_head_count == 4);
  CHECK(c.context_max == 2048);
  CHECK(c.bos_token == 1);
  CHECK(c.eos_tokens == std::vector<int32_t>{2});
  document["eos_token_id"] = nullptr;  // Null is no token; absent is the default.
  CHECK(read(document).eos_tokens.empty());
}

TEST_CASE("config: the families differ in bias and norms") {
  CHECK((read(small_document("qwen2")).qkv_bias && !read(small_document("qwen2")).qk_norm));
  json qwen3 = small_document("qwen3");
  qwen3["head_dim"] = 8;
  CHECK((!read(qwen3).qkv_bias && read(qwen3).qk_norm && read(qwen3).head_dim == 8));
  CHECK((!read(small_document("llama")).qkv_bias && !read(small_document("llama")).qk_norm));
}

TEST_CASE("config: what is written is read back equal") {
  for (const char* type : {"qwen2", "qwen3", "llama"})
    for (const double eps : {1e-6, 1e-5, 3.3e-7})
      for (const bool tied : {false, true}) {
        json document = small_document(type);
        document["rms_norm_eps"] = eps;
        document["tie_word_embeddings"] = tied;
        document["bos_token_id"] = 9;
        const ModelConfig config = read(document);
        const std::string text = config_to_json(config);
        CHECK(config_from_json(text, "again") == config);
        const json written = json::parse(text);
        CHECK(written["torch_dtype"] == "float32");
        CHECK(written["rms_norm_eps"] == eps);
      }
}

TEST_CASE("config: unsupported features are refused by name") {
  CHECK_THAT(refusal_with("/model_type", "mamba"),
             ContainsSubstring("model_type \"mamba\" is not supported; supported: qwen2"));
  CHECK_THAT(refusal_with("/hidden_act", "gelu"), ContainsSubstring("hidden_act \"gelu\""));
  CHECK_THAT(refusal_with("/attention_bias", true, "llama"), ContainsSubstring("attention_bias"));
  CHECK_THAT(refusal_with("/mlp_bias", true, "llama"), ContainsSubstring("mlp_bias"));
  CHECK_THAT(refusal_with("/quantization_config", json::object()), ContainsSubstring("quantis"));
  CHECK_THAT(refusal_with("/partial_rotary_factor", 0.5), ContainsSubstring("partial_rotary"));
  CHECK_THAT(
      refusal_with("/rope_scaling", {{"type", "dynamic"}, {"factor", 4.0}}),
      ContainsSubstring("rope_scaling.type \"dynamic\" is not supported; supported: default, "
                        "llama3, yarn"));
  CHECK_THAT(refusal_with("/rope_scaling", {{"rope_type", "llama3"}}, "llama"),
             ContainsSubstring("rope_scaling.factor is missing"));
  CHECK_THAT(refusal_with("/rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}),
             ContainsSubstring("rope_parameters has positions for each kind of layer"));
  CHECK(refusal_with("/rope_scaling", nullptr) == "(accepted)");
  CHECK(refusal_with("/rope_scaling", {{"rope_type", "default"}}) == "(accepted)");

  json sliding = small_document();
  sliding["sliding_window"] = 64;  // Qwen2.5 files carry the number with the switch off.
  sliding["max_window_layers"] = 1;
  CHECK(refusal(sliding) == "(accepted)");
  sliding["use_sliding_window"] = true;
  CHECK_THAT(refusal(sliding), ContainsSubstring("use_sliding_window"));
  sliding["max_window_layers"] = 2;  // Of two layers none slides.
  CHECK(refusal(sliding) == "(accepted)");
}

TEST_CASE("config: missing keys, wrong types and numbers that do not fit are named") {
  for (const char* key : {"model_type", "vocab_size", "hidden_size", "intermediate_size",
                          "num_hidden_layers", "num_attention_heads"}) {
    json document = small_document();
    document.erase(key);
    CHECK_THAT(refusal(document),
               ContainsSubstring("config.json: " + std::string(key) + " is missing"));
    for (const json& bad : {json(-1), json(1.5), json(true), json("8"), json::array(), json(0),
                            json(uint64_t{1} << 40)})
      CHECK_THAT(refusal_with("/" + std::string(key), bad), ContainsSubstring(key));
  }
  CHECK_THAT(refusal_with("/num_key_value_heads", 3),
             ContainsSubstring("num_attention_heads 4 is not a multiple of num_key_value_heads 3"));
  CHECK_THAT(refusal_with("/num_attention_heads", 6), ContainsSubstring("head_dim is missing"));
  CHECK_THAT(refusal_with("/head_dim", 5), ContainsSubstring("head_dim 5 is odd"));
  CHECK_THAT(refusal_with("/eos_token_id", 64), ContainsSubstring("eos_token_id"));
  CHECK_THAT(refusal_with("/eos_token_id", json::array()), ContainsSubstring("eos_token_id"));
  CHECK_THAT(refusal_with("/rms_norm_eps", 0), ContainsSubstring("rms_norm_eps"));
  CHECK_THAT(refusal_with("/rope_theta", "x"), ContainsSubstring("rope_theta"));
  CHECK_THAT(refusal_with("/tie_word_embeddings", 1), ContainsSubstring("tie_word_embeddings"));
  CHECK_THAT(refusal_with("/layer_types", "full_attention"), ContainsSubstring("layer_types"));
}

TEST_CASE("config: a file cut short at any length is one InputError") {
  const std::string text = small_document().dump(1);
  for (size_t length = 0; length < text.size(); ++length)
    CHECK_THROWS_AS(config_from_json(text.substr(0, length), "c"), InputError);
}

TEST_CASE("config: random mutations give InputErrors and nothing else", "[fuzz]") {
  CAPTURE(test::seed());
  std::vector<std::string> corpus = {small_document().dump()};
  const json written = test::goldens("hf_goldens.json");
  for (const json& g : written["configs"]) corpus.push_back(g["text"]);
  std::ifstream records(THESPIS_SOURCE_DIR "/../shared/data/model_configs/model_configs.jsonl");
  for (std::string line; std::getline(records, line);)
    corpus.push_back(json::parse(line)["config"].dump());
  test::Mutations mutations(12, corpus, test::json_pieces());
  int refused = 0, accepted = 0;
  mutations.run("config.json", 4000, [&](const std::string& mutated) {
    CAPTURE(mutated);
    try {
      const ModelConfig config = config_from_json(mutated, "c");
      ++accepted;
      REQUIRE(WeightLayout::of(config).size > 0);
    } catch (const InputError&) {
      ++refused;
    }
  });
  CHECK((refused > 0 && accepted > 0));
}
