#pragma once
// The weights and sequences of tests/golden/make_goldens.py, by its formulas.

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/engine/trainer.hpp"

namespace thespis::test {

inline std::shared_ptr<const model::Weights> formula_weights(const model::ModelConfig& config) {
  auto weights = std::make_shared<model::Weights>(config);
  for (size_t t = 0; t < weights->layout.tensors.size(); ++t) {
    const model::TensorSpec& spec = weights->layout.tensors[t];
    const double base = spec.name.find("norm.weight") != std::string::npos ? 1.0 : 0.0;
    auto values = weights->tensor(spec);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(base + 0.25 * std::sin(12.9898 * static_cast<double>(i + 1) +
                                                            78.233 * static_cast<double>(t + 1)));
  }
  return weights;
}

inline std::vector<model::TrainItem> formula_items(const nlohmann::json& golden, size_t prompt,
                                                   const model::ModelConfig& config) {
  std::vector<model::TrainItem> items;
  for (size_t which = 0; which < golden.at("lengths").size(); ++which) {
    model::TrainItem item;
    for (size_t i = 0; i < golden.at("lengths")[which].get<size_t>(); ++i)
      (i < prompt ? item.prompt : item.completion)
          .push_back(static_cast<int32_t>((7 * which + 5 * i * i + 3 * i + 1) % config.vocab_size));
    items.push_back(item);
  }
  return items;
}

}  // namespace thespis::test
