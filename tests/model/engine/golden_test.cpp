// The engine against Hugging Face transformers on PyTorch: log-probs, entropies, gradients and
// AdamW steps of tiny Qwen2, Qwen3 and Llama models, with plain and scaled positions
// (tests/golden/make_goldens.py wrote the file and says how).

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/engine/trainer.hpp"
#include "model/hf/hf_config.hpp"
#include "tests/model/engine/formula_model.hpp"
#include "tests/support/goldens.hpp"

using namespace thespis;
using namespace thespis::model;
using nlohmann::json;

namespace {

void check_summary(const json& expected, std::span<const float> values, double tolerance) {
  double sum = 0, squares = 0;
  for (const float v : values) {
    sum += double{v};
    squares += double{v} * double{v};
  }
  const double norm = expected.at("norm");
  const double scale = std::max(norm, 1e-3);
  CHECK(std::abs(std::sqrt(squares) - norm) < tolerance * scale);
  CHECK(std::abs(sum - expected.at("sum").get<double>()) <
        tolerance * scale * std::sqrt(static_cast<double>(values.size())));
  for (size_t i = 0; i < expected.at("at").size(); ++i)
    CHECK(std::abs(double{values[expected.at("at")[i].get<size_t>()]} -
                   expected.at("values")[i].get<double>()) < tolerance * scale);
}

}  // namespace

TEST_CASE("golden: log-probs, gradients and AdamW are those of transformers on PyTorch") {
  const json golden = test::goldens("engine.json");
  const std::string kind = GENERATE("qwen2", "qwen2 yarn", "qwen3", "llama");
  CAPTURE(kind);
  const json& expected = golden.at("models").at(kind);
  const ModelConfig config = config_from_json(expected.at("config").get<std::string>(), kind);
  const size_t prompt = expected.at("prompt");

  const std::vector<TrainItem> items = test::formula_items(golden, prompt, config);

  gpu::ThreadPool pool(1);
  const auto initial = std::make_shared<const Policy>(test::formula_weights(config), 0);
  Trainer trainer(
      initial,
      {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1, .clip_grad_norm = 1.0},
      {}, pool);
  for (size_t step = 0; step < expected.at("steps").size(); ++step) {
    CAPTURE(step);
    const json& now = expected.at("steps")[step];
    // A trainer with beta1 = 0 and no clipping leaves the bare gradient in its first moment.
    Trainer probe(trainer.policy(), {.beta1 = 0.0, .clip_grad_norm = 0.0}, {}, pool);
    const LossGradient loss = [](const ScoredTokens&, std::span<float> g) {
      std::fill(g.begin(), g.end(), -0.05f);
    };
    probe.step(items, loss, 0.0);
    std::vector<std::vector<float>> logprobs(items.size()), entropies(items.size());
    const auto stats = trainer.step(
        items,
        [&](const ScoredTokens& known, std::span<float> g) {
          logprobs[known.item].assign(known.logprobs.begin(), known.logprobs.end());
          entropies[known.item].assign(known.entropies.begin(), known.entropies.end());
          std::fill(g.begin(), g.end(), -0.05f);
        },
        1e-2);
    // Both sides compute in float32; steps later they differ by what AdamW makes of roundings.
    const double tolerance = step == 0 ? 2e-5 : step < 3 ? 5e-3 : 1e-2;
    for (size_t i = 0; i < items.size(); ++i)
      for (size_t p = 0; p < logprobs[i].size(); ++p) {
        CHECK(std::abs(double{logprobs[i][p]} - now.at("logprobs")[i][p].get<double>()) <
              10 * tolerance);
        CHECK(std::abs(double{entropies[i][p]} - now.at("entropies")[i][p].get<double>()) <
              10 * tolerance);
      }
    const double norm = now.at("grad_norm");
    CHECK(std::abs(stats.grad_norm - norm) < tolerance * norm);
    for (const TensorSpec& t : initial->weights().layout.tensors) {
      CAPTURE(t.name);
      check_summary(now.at("gradients").at(t.name),
                    probe.first_moment().subspan(t.offset, t.size()), 5 * tolerance);
      check_summary(now.at("weights").at(t.name), trainer.policy()->weights().tensor(t), tolerance);
    }
  }
}
