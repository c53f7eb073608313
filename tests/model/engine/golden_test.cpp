// The engine against Hugging Face transformers on PyTorch: log-probs, entropies, gradients and
// three AdamW steps of tiny Qwen2, Qwen3 and Llama models, with plain and scaled positions
// (tests/golden/make_goldens.py wrote the file and says how).

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/engine/trainer.hpp"
#include "model/hf/hf_config.hpp"
#include "tests/support/goldens.hpp"

using namespace thespis;
using namespace thespis::model;
using nlohmann::json;

namespace {

/// The script's formula.
std::shared_ptr<const Weights> formula_weights(const ModelConfig& config) {
  auto weights = std::make_shared<Weights>(config);
  for (size_t t = 0; t < weights->layout.tensors.size(); ++t) {
    const TensorSpec& spec = weights->layout.tensors[t];
    const double base = spec.name.find("norm.weight") != std::string::npos ? 1.0 : 0.0;
    auto values = weights->tensor(spec);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(base + 0.25 * std::sin(12.9898 * static_cast<double>(i + 1) +
                                                            78.233 * static_cast<double>(t + 1)));
  }
  return weights;
}

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

  std::vector<TrainItem> items;
  for (size_t which = 0; which < golden.at("lengths").size(); ++which) {
    TrainItem item;
    for (size_t i = 0; i < golden.at("lengths")[which].get<size_t>(); ++i)
      (i < prompt ? item.prompt : item.completion)
          .push_back(static_cast<int32_t>((7 * which + 5 * i * i + 3 * i + 1) % config.vocab_size));
    items.push_back(item);
  }

  gpu::ThreadPool pool(1);
  const auto initial = std::make_shared<const Policy>(formula_weights(config), 0);
  Trainer trainer(
      initial,
      {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1, .clip_grad_norm = 1.0},
      {}, pool);
  for (size_t step = 0; step < expected.at("steps").size(); ++step) {
    CAPTURE(step);
    const json& now = expected.at("steps")[step];
    // A trainer with beta1 = 0 and no clipping leaves the bare gradient in its first moment.
    Trainer probe(trainer.policy(), {.beta1 = 0.0, .clip_grad_norm = 0.0}, {}, pool);
    const LossGradient loss = [](size_t, std::span<const float>, std::span<const float>,
                                 std::span<float> g) { std::fill(g.begin(), g.end(), -0.05f); };
    probe.step(items, loss, 0.0);
    std::vector<std::vector<float>> logprobs(items.size()), entropies(items.size());
    const auto stats = trainer.step(
        items,
        [&](size_t i, std::span<const float> l, std::span<const float> h, std::span<float> g) {
          logprobs[i].assign(l.begin(), l.end());
          entropies[i].assign(h.begin(), h.end());
          std::fill(g.begin(), g.end(), -0.05f);
        },
        1e-2);
    // Both sides compute in float32; steps later they differ by what AdamW makes of roundings.
    const double tolerance = step == 0 ? 2e-5 : 5e-3;
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
