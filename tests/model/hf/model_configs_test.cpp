// Goal: the numbers of published models are read as published: parameter counts come out, for those
// that run as for those that are only described.
// Method: the records of ../shared/data/model_configs (skipped where it is missing), the counts
// that the model cards state, our own table of known models against both.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "model/hf/hf_config.hpp"
#include "model/hf/known_models.hpp"
#include "runtime/base/error.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

/// A DeepSeek-V3 config.json in the Hub's names, with the numbers of the technical report.
json deepseek_v3() {
  return {{"model_type", "deepseek_v3"},
          {"vocab_size", 129280},
          {"hidden_size", 7168},
          {"intermediate_size", 18432},
          {"moe_intermediate_size", 2048},
          {"num_hidden_layers", 61},
          {"num_attention_heads", 128},
          {"n_shared_experts", 1},
          {"n_routed_experts", 256},
          {"routed_scaling_factor", 2.5},
          {"kv_lora_rank", 512},
          {"q_lora_rank", 1536},
          {"qk_rope_head_dim", 64},
          {"v_head_dim", 128},
          {"qk_nope_head_dim", 128},
          {"n_group", 8},
          {"topk_group", 4},
          {"num_experts_per_tok", 8},
          {"first_k_dense_replace", 3},
          {"max_position_embeddings", 163840},
          {"tie_word_embeddings", false},
          {"bos_token_id", 0},
          {"eos_token_id", 1},
          {"quantization_config", {{"quant_method", "fp8"}}},
          {"rope_scaling",
           {{"type", "yarn"},
            {"factor", 40},
            {"original_max_position_embeddings", 4096},
            {"beta_fast", 32},
            {"beta_slow", 1},
            {"mscale", 1.0},
            {"mscale_all_dim", 1.0}}}};
}

}  // namespace

TEST_CASE("model configs: the parameters of 14 published models") {
  const std::string path = THESPIS_SOURCE_DIR "/../shared/data/model_configs/model_configs.jsonl";
  std::ifstream file(path);
  if (!file) SKIP("no " << path);
  int records = 0;
  for (std::string line; std::getline(file, line); ++records) {
    const json record = json::parse(line);
    CAPTURE(record["name"]);
    const ModelConfig config = config_from_json(record["config"].dump(), record["name"]);
    CHECK(WeightLayout::of(config).parameter_count() == record["computed_parameters"]);
    if (record.contains("computed_active_parameters")) {
      CHECK(active_parameter_count(config) == record["computed_active_parameters"]);
      CHECK_THROWS_WITH(require_runnable(config, "c.json"),
                        ContainsSubstring("c.json: model_type \"deepseek_v"));
    } else {
      CHECK(active_parameter_count(config) == record["computed_parameters"]);
      CHECK_NOTHROW(require_runnable(config, "c.json"));
      CHECK(config_from_json(config_to_json(config), "again") == config);
    }
  }
  CHECK(records == 14);
}

TEST_CASE("model configs: known models have the published counts, and the records' numbers") {
  const std::map<std::string, uint64_t> published = {
      {"qwen2.5-0.5b", 494'032'768},   {"qwen2.5-1.5b", 1'543'714'304},
      {"qwen2.5-7b", 7'615'616'512},   {"qwen2.5-14b", 14'770'033'664},
      {"qwen2.5-32b", 32'763'876'352}, {"qwen3-0.6b", 596'049'920},
      {"llama-3.1-8b", 8'030'261'248}, {"llama-3.1-70b", 70'553'706'496},
      {"llama-3.2-3b", 3'212'749'824}};
  CHECK(known_model_names().size() == published.size());
  for (const auto& [name, count] : published) {
    CAPTURE(name);
    const ModelConfig config = known_model(name);
    CHECK(WeightLayout::of(config).parameter_count() == count);
    CHECK(config_from_json(config_to_json(config), "again") == config);
  }
  CHECK_THROWS_WITH(known_model("gpt-2"), ContainsSubstring("known: qwen2.5-0.5b, qwen2.5-1.5b"));

  std::ifstream file(THESPIS_SOURCE_DIR "/../shared/data/model_configs/model_configs.jsonl");
  if (!file) SKIP("no ../shared/data/model_configs");
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    const json record = json::parse(line);
    std::string name = record["name"];
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    if (!published.contains(name)) continue;
    CAPTURE(name);
    CHECK(config_from_json(record["config"].dump(), name) == known_model(name));
    ++compared;
  }
  CHECK(compared == 7);
}

TEST_CASE("model configs: DeepSeek-V3 is described in the Hub's names") {
  const ModelConfig c = config_from_json(deepseek_v3().dump(), "c.json");
  CHECK(WeightLayout::of(c).parameter_count() == 671'026'419'200);
  CHECK(active_parameter_count(c) == 37'552'297'472);
  CHECK(c.latent->q_rank == 1536);
  CHECK(c.experts->groups == 8);
  CHECK(c.experts->active_groups == 4);
  CHECK(c.experts->scale == 2.5);
  CHECK(c.rope_scaling.attention_factor == 1);  // Both scales are 1.
  CHECK(c.eos_tokens == std::vector<int32_t>{1});
  CHECK_THROWS_WITH(config_to_json(c), ContainsSubstring("latent attention"));
  const auto& layout = WeightLayout::of(c);
  CHECK(layout.at("model.layers.0.mlp.up_proj.weight").rows == 18432);
  CHECK(layout.at("model.layers.3.mlp.gate.e_score_correction_bias").cols == 256);
  CHECK(layout.at("model.layers.60.mlp.experts.255.down_proj.weight").cols == 2048);
  CHECK(layout.at("model.layers.3.self_attn.kv_a_proj_with_mqa.weight").rows == 576);
}

TEST_CASE("model configs: DeepSeek numbers that do not fit are named") {
  const auto refusal = [](const char* key, const json& value) {
    json document = deepseek_v3();
    document[key] = value;
    try {
      config_from_json(document.dump(), "c.json");
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("(accepted)");
  };
  CHECK(refusal("q_lora_rank", nullptr) == "(accepted)");
  CHECK_THAT(refusal("kv_lora_rank", nullptr), ContainsSubstring("kv_lora_rank is missing"));
  CHECK_THAT(refusal("num_experts_per_tok", 257), ContainsSubstring("from 1 to 256"));
  CHECK_THAT(refusal("first_k_dense_replace", 62), ContainsSubstring("from 0 to 61"));
  CHECK_THAT(refusal("n_group", 7), ContainsSubstring("n_group does not divide"));
  CHECK_THAT(refusal("topk_group", 9), ContainsSubstring("topk_group"));
}
