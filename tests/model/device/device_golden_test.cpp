// The card against Hugging Face transformers on PyTorch: five AdamW steps of tiny Qwen2, Qwen3 and
// Llama models (tests/golden/make_goldens.py), whose float32 results a card computes in bf16.
//   - The first step has the script's weights: a rounding to bf16 is off by up to 2^-9 of a value,
//     a log-prob sums 32 products of two that went through about ten roundings a layer, so it is
//     off by some hundredths, and the gradient's norm by some percent.
//   - AdamW's step is about a learning rate for each weight, whatever its gradient's size. Where a
//     gradient is as small as its rounding, the sign is chance, and the weight ends up to two
//     learning rates away: a tenth of one a step on average, where a twentieth of the gradients are
//     so small. Single log-probs and the gradient's norm follow the weights (the models are tiny,
//     the steps large: log-probs move by more than 1 in each), so from then on it is the weights'
//     mean distance from where they should be that is held, and the mean of the log-probs.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/device/device_trainer.hpp"
#include "model/hf/hf_config.hpp"
#include "tests/model/engine/formula_model.hpp"
#include "tests/support/card.hpp"
#include "tests/support/goldens.hpp"

using namespace thespis;
using namespace thespis::model;
using nlohmann::json;

TEST_CASE("device golden: five AdamW steps are those of transformers on PyTorch") {
  const auto device = test::card();
  const json golden = test::goldens("engine.json");
  const std::string kind = GENERATE("qwen2", "qwen2 yarn", "qwen3", "llama");
  CAPTURE(kind);
  const json& expected = golden.at("models").at(kind);
  const ModelConfig config = config_from_json(expected.at("config").get<std::string>(), kind);
  const auto items = test::formula_items(golden, expected.at("prompt"), config);
  const auto initial = std::make_shared<const Policy>(test::formula_weights(config), 0);
  const auto model = DeviceModel::make(device, initial->shared_plan());
  constexpr double kLearningRate = 1e-2;
  DeviceTrainer trainer(model, initial, {.weight_decay = 0.1, .clip_grad_norm = 1.0}, {});
  REQUIRE(expected.at("steps").size() == 5);
  for (size_t step = 0; step < 5; ++step) {
    const json& now = expected.at("steps")[step];
    std::vector<double> logprobs, wanted;
    const auto stats = trainer.step(
        items,
        [&](const ScoredTokens& known, std::span<float> g) {
          logprobs.insert(logprobs.end(), known.logprobs.begin(), known.logprobs.end());
          for (size_t t = 0; t < g.size(); ++t)
            wanted.push_back(now.at("logprobs")[known.item][known.first + t]);
          std::fill(g.begin(), g.end(), -0.05f);
        },
        kLearningRate);
    double off = 0, mean = 0, wanted_mean = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      off = std::max(off, std::abs(logprobs[i] - wanted[i]));
      mean += logprobs[i] / static_cast<double>(wanted.size());
      wanted_mean += wanted[i] / static_cast<double>(wanted.size());
    }
    const double norm = now.at("grad_norm");
    // How far the recorded weights are from where they should be, in learning rates.
    double apart = 0, count = 0;
    for (const TensorSpec& t : initial->weights().layout.tensors) {
      const json& weights = now.at("weights").at(t.name);
      for (size_t i = 0; i < weights.at("at").size(); ++i, ++count)
        apart += std::abs(double{trainer.policy()->weights().tensor(t)[weights.at("at")[i]]} -
                          weights.at("values")[i].get<double>()) /
                 kLearningRate;
    }
    CAPTURE(step, off, mean, wanted_mean, stats.grad_norm, norm, apart / count);
    CHECK(off < (step == 0 ? 0.1 : 3.0));
    CHECK(std::abs(mean - wanted_mean) < (step == 0 ? 0.01 : 0.1));
    CHECK(std::abs(stats.grad_norm - norm) < (step == 0 ? 0.05 : 0.35) * norm);
    CHECK(apart / count < 0.2 * static_cast<double>(step + 1));
  }
}
