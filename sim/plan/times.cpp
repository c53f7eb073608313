#include "sim/plan/times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "runtime/base/error.hpp"
#include "sim/plan/plan.hpp"

namespace thespis::sim {

Measured read_metrics(std::string_view text, const std::string& source) {
  Measured m;
  std::istringstream lines{std::string(text)};
  uint64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string place = fmt::format("{}:{}", source, number);
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) throw InputError(place + ": no JSON object, as a run writes them");
    const auto value = [&](const char* key) {
      const auto found = json.find(key);
      if (found == json.end() || !found->is_number() || found->get<double>() < 0)
        throw InputError(fmt::format("{}: {} must be a number, not below 0", place, key));
      return found->get<double>();
    };
    if (value("age_max") > 0)
      throw InputError(place +
                       ": this run has train.max_age > 0: the learner's waiting does not "
                       "show how fast a sampler is; measure with --set train.max_age=0");
    if (number == 1) continue;  // Its wait holds the start of the program.
    ++m.steps;
    m.busy_s += value("learner_busy_s");
    m.wait_s += value("learner_wait_s");
    m.length_mean += value("response_length_mean");
    m.length_std += value("response_length_std");
  }
  if (m.steps == 0) throw InputError(source + ": fewer than two steps; a plan needs two or more");
  for (double* sum : {&m.busy_s, &m.wait_s, &m.length_mean, &m.length_std})
    *sum /= static_cast<double>(m.steps);
  if (m.busy_s <= 0 || m.wait_s <= 0 || m.length_mean <= 0)
    throw InputError(source + ": the learner's times and the lengths must be above 0");
  return m;
}

void calibrate(Scenario& scenario, const Measured& measured) {
  // Of a lognormal: mean = median exp(sigma^2 / 2), std^2 = mean^2 (exp(sigma^2) - 1).
  const double spread = measured.length_std / measured.length_mean;
  const double variance = std::log(1 + spread * spread);
  scenario.workload.response_sigma = std::sqrt(variance);
  scenario.workload.response_median = measured.length_mean * std::exp(-variance / 2);
  Scenario synchronous = with(scenario, Knob::kMaxAge, 0);
  synchronous.rewards = {RewardKind{"none", 1, 1e-6, 0}};
  constexpr int kRounds = 4;
  for (int i = 0; i < kRounds; ++i) {
    const Prediction p = predict(synchronous);
    const double train = measured.busy_s / std::max(p.learner_busy_s, 1e-9);
    const double sample = measured.wait_s / std::max(p.step_s - p.learner_busy_s, 1e-9);
    for (Scenario* s : {&scenario, &synchronous})
      for (GpuKind& gpu : s->gpus) {
        gpu.train_token_us *= train;
        gpu.train_step_s *= train;
        gpu.decode_step_ms *= sample;
        gpu.decode_sequence_us *= sample;
        gpu.score_token_us *= sample;
      }
  }
}

}  // namespace thespis::sim
