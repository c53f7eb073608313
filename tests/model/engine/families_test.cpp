// Goal: each family computes what transformers computes: logits to 1e-4 in float32, greedy texts
// token for token.
// Method: tests/golden/families.json (make_goldens.py wrote it and says how). The head's first row
// is zero, so token 0's logit is 0 and a log-prob less token 0's is a logit.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/engine/executor.hpp"
#include "model/engine/generator.hpp"
#include "model/hf/hf_config.hpp"
#include "tests/support/goldens.hpp"

using namespace thespis;
using namespace thespis::model;
using nlohmann::json;

namespace {

/// The script's `hashed`.
float hashed(uint64_t tensor, uint64_t index, bool is_norm) {
  uint64_t z = ((tensor << 32 | index) + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  const double uniform = static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
  return static_cast<float>((is_norm ? 1.0 : 0.0) + (uniform - 0.5));
}

std::shared_ptr<Weights> hashed_weights(const ModelConfig& config) {
  auto weights = std::make_shared<Weights>(config);
  for (size_t t = 0; t < weights->layout.tensors.size(); ++t) {
    const TensorSpec& spec = weights->layout.tensors[t];
    const bool is_norm = spec.name.find("norm.weight") != std::string::npos;
    auto values = weights->tensor(spec);
    for (size_t i = 0; i < values.size(); ++i) values[i] = hashed(t, i, is_norm);
  }
  return weights;
}

/// Log-probs of every token after each of `rows`, from one pass over the sequence.
std::vector<std::vector<double>> all_logprobs(const Policy& policy, std::vector<int32_t> tokens,
                                              const std::vector<uint32_t>& rows) {
  const uint32_t vocab = policy.config().vocab_size;
  tokens.push_back(0);  // The completion of the last row, which nobody reads.
  WholeSequences sequences;
  sequences.add({std::span(tokens).first(1), std::span(tokens).subspan(1), 1.0f});
  Batch& batch = sequences.batch();
  batch.head_rows.clear();
  batch.inverse_temperatures.clear();
  batch.targets.clear();
  for (const uint32_t row : rows)
    for (uint32_t token = 0; token < vocab; ++token) {
      batch.head_rows.push_back(static_cast<int32_t>(row));
      batch.inverse_temperatures.push_back(1);
      batch.targets.push_back(static_cast<int32_t>(token));
    }
  Executor executor(policy.shared_plan(), Executor::Purpose::kForward);
  executor.forward(policy, sequences);
  std::vector<std::vector<double>> out;
  for (size_t r = 0; r < rows.size(); ++r) {
    const auto begin = batch.logprobs.begin() + static_cast<ptrdiff_t>(r * vocab);
    out.emplace_back(begin, begin + vocab);
  }
  return out;
}

}  // namespace

TEST_CASE("families: logits and greedy texts are those of transformers") {
  const json golden = test::goldens("families.json");
  const std::string kind = GENERATE("qwen2", "qwen2 yarn", "qwen3", "llama");
  CAPTURE(kind);
  const json& expected = golden.at("models").at(kind);
  const ModelConfig config = config_from_json(expected.at("config").get<std::string>(), kind);
  const auto weights = hashed_weights(config);

  gpu::ThreadPool pool(1);
  Generator generator(std::make_shared<const Policy>(weights, 0), {.slots = 1, .context_max = 64},
                      pool);
  const auto wanted = expected.at("greedy").get<std::vector<int32_t>>();
  SequenceRequest request;
  request.prompt = expected.at("greedy_prompt").get<std::vector<int32_t>>();
  request.max_tokens = static_cast<uint32_t>(wanted.size());
  request.temperature = 0;
  generator.add(request);
  std::vector<FinishedSequence> finished;
  while (finished.empty()) finished = generator.step();
  CHECK(finished[0].tokens == wanted);

  const auto& head =
      weights->layout.at(config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
  for (float& v : weights->tensor(head).first(config.hidden_size)) v = 0;
  std::vector<int32_t> tokens;
  for (uint64_t i = 0; i < expected.at("length").get<uint64_t>(); ++i)
    tokens.push_back(static_cast<int32_t>((5 * i * i + 3 * i + 1) % config.vocab_size));
  const Policy policy(weights, 0);
  const auto logprobs =
      all_logprobs(policy, tokens, expected.at("rows").get<std::vector<uint32_t>>());
  double worst = 0, largest = 0;
  for (size_t r = 0; r < logprobs.size(); ++r)
    for (size_t v = 0; v < logprobs[r].size(); ++v) {
      const double logit = expected.at("logits")[r][v];
      largest = std::max(largest, std::abs(logit));
      worst = std::max(worst, std::abs(logprobs[r][v] - logprobs[r][0] - logit));
    }
  CAPTURE(worst, largest);
  CHECK(largest > 3);
  CHECK(worst < 1e-4);
}
