// Goal: the loss and its gradient are the formulas of policy_loss.hpp in every combination of
// options. Method: numbers by hand; PyTorch autograd goldens (tests/golden/make_loss_goldens.py, a
// padded-matrix formulation); an independent float64 formulation below and its finite differences
// on random input.

#include "actors/learner/policy_loss.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "runtime/env/random.hpp"
#include "tests/support/goldens.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::learner;
using Catch::Approx;
using config::KlType;
using config::LossAggMode;

namespace {

constexpr std::array kModes = {LossAggMode::kTokenMean, LossAggMode::kSeqMeanTokenMean,
                               LossAggMode::kSeqMeanTokenSumNorm};
constexpr std::array kKinds = {KlType::kK1, KlType::kK2, KlType::kK3};

struct Sequence {
  std::vector<float> logprobs, behaviour, proximal, reference, entropies;
  std::vector<uint8_t> mask;
  double advantage = 0;

  SequenceTerms terms(bool with_proximal) const {
    return {.logprobs = logprobs,
            .behaviour = behaviour,
            .log_kept = {},
            .proximal = with_proximal ? std::span<const float>(proximal) : std::span<const float>(),
            .reference = reference,
            .entropies = entropies,
            .mask = mask,
            .advantage = advantage};
  }
};

LossNormaliser normaliser_of(const std::vector<Sequence>& step, uint64_t length_max) {
  LossNormaliser normaliser(length_max);
  for (const Sequence& s : step) normaliser.add(s.mask);
  return normaliser;
}

/// The step's loss as a function of one token's log-prob, from the definitions alone. `frozen` is
/// the log-prob that a stop-gradient sees where no proximal one is given.
double token_objective(const LossOptions& o, const Sequence& s, size_t t, double logp,
                       double frozen, bool with_proximal) {
  double old = s.behaviour[t], importance = 1;
  if (o.tis_cap > 0) {
    old = with_proximal ? s.proximal[t] : frozen;
    importance = std::fmin(std::exp(old - double{s.behaviour[t]}), o.tis_cap);
  }
  const double r = std::exp(logp - old);
  const double clipped = std::fmax(std::fmin(r, 1 + o.clip_ratio_high), 1 - o.clip_ratio_low);
  double value = -importance * std::fmin(r * s.advantage, clipped * s.advantage);
  const double q_over_p = std::exp(double{s.reference[t]} - logp);
  switch (o.kl_type) {
    case KlType::kK1:
      value -= o.kl_coef * std::log(q_over_p);
      break;
    case KlType::kK2:
      value += o.kl_coef * std::pow(std::log(q_over_p), 2) / 2;
      break;
    case KlType::kK3:
      value += o.kl_coef * (q_over_p - std::log(q_over_p) - 1);
      break;
  }
  return value - o.entropy_coef * double{s.entropies[t]};
}

double reference_weight(LossAggMode mode, const std::vector<Sequence>& step, const Sequence& s,
                        double length_max) {
  const auto count = [](const Sequence& q) {
    double n = 0;
    for (const uint8_t m : q.mask) n += m;
    return n;
  };
  double tokens = 0, sequences = 0;
  for (const Sequence& q : step) {
    tokens += count(q);
    sequences += count(q) > 0 ? 1 : 0;
  }
  if (mode == LossAggMode::kTokenMean) return 1 / tokens;
  return 1 / sequences / (mode == LossAggMode::kSeqMeanTokenMean ? count(s) : length_max);
}

/// Log-probs whose ratios fall below, inside and above usual clip bounds, and far from their kinks.
std::vector<Sequence> random_step(env::KeyedRandom& random, const LossOptions& options) {
  const auto near_kink = [&options](double a, double b) {
    const double r = std::exp(a - b);
    return std::abs(r - 1 - options.clip_ratio_high) < 0.01 ||
           std::abs(r - 1 + options.clip_ratio_low) < 0.01 ||
           (options.tis_cap > 0 && std::abs(r - options.tis_cap) < 0.01);
  };
  std::vector<Sequence> step(3 + random.below(3));
  for (Sequence& s : step) {
    s.advantage = random.normal();
    const size_t length = 1 + random.below(8);
    while (s.mask.size() < length) {
      const auto p = static_cast<float>(-3 * random.uniform()),
                 old = p + static_cast<float>(0.4 * random.normal());
      const float proximal = p + static_cast<float>(0.3 * random.normal());
      if (near_kink(p, old) || near_kink(p, proximal) || near_kink(proximal, old)) continue;
      s.logprobs.push_back(p);
      s.behaviour.push_back(old);
      s.proximal.push_back(proximal);
      s.reference.push_back(p + static_cast<float>(0.5 * random.normal()));
      s.entropies.push_back(static_cast<float>(random.uniform()));
      s.mask.push_back(random.below(4) != 0);
    }
  }
  step[0].mask[0] = 1;
  return step;
}

}  // namespace

TEST_CASE("policy loss: three tokens worked out by hand") {
  // Ratios 1, 1.5 and 0.5, advantage 2, clip 0.2: the middle token is clipped at 1.2, the last is
  // not (for a positive advantage the lower bound never acts). Token mean over 3.
  Sequence s;
  s.behaviour = {-1.0f, -1.0f, -1.0f};
  s.logprobs = {-1.0f, static_cast<float>(-1 + std::log(1.5)),
                static_cast<float>(-1 + std::log(0.5))};
  s.mask = {1, 1, 1};
  s.advantage = 2;
  const LossOptions options{.kl_coef = 0};
  std::vector<float> slopes(3);
  const auto normaliser = normaliser_of({s}, 10);
  LossParts parts = sequence_loss(options, normaliser, s.terms(false), slopes);
  CHECK(parts.loss() == Approx(-2 * (1 + 1.2 + 0.5) / 3));
  CHECK(slopes[0] == Approx(-2.0 / 3));
  CHECK(slopes[1] == 0.0f);
  CHECK(slopes[2] == Approx(-1.0 / 3));
  CHECK(parts.clipped_high == 1);
  CHECK(parts.clipped_low == 0);
  CHECK(parts.clip_fraction() == Approx(1.0 / 3));
  CHECK(parts.ratio_max == Approx(1.5));
  CHECK(parts.ratio_sum == Approx(3.0));

  // The same with advantage -2: now only the ratio below 0.8 is clipped.
  s.advantage = -2;
  parts = sequence_loss(options, normaliser, s.terms(false), slopes);
  CHECK(parts.loss() == Approx(2 * (1 + 1.5 + 0.8) / 3));
  CHECK(slopes[1] == Approx(1.0));
  CHECK(slopes[2] == 0.0f);
  CHECK(parts.clipped_low == 1);
  CHECK(parts.clipped_high == 0);
}

TEST_CASE("policy loss: draws among fewer tokens weigh what those have together") {
  Sequence s;
  s.logprobs = {-1.0f, -0.5f};
  s.behaviour = {-1.2f, -0.5f};
  s.mask = {1, 1};
  s.advantage = 1;
  const auto normaliser = normaliser_of({s}, 10);
  const std::vector<float> log_kept = {static_cast<float>(std::log(0.9)), 0.0f};
  const auto slopes = [&](const LossOptions& options, std::span<const float> kept) {
    std::vector<float> out(2);
    SequenceTerms terms = s.terms(false);
    terms.log_kept = kept;
    sequence_loss(options, normaliser, terms, out);
    return out;
  };
  const auto whole = slopes({.kl_coef = 0}, {}), cut = slopes({.kl_coef = 0}, log_kept);
  CHECK(cut[0] == Approx(0.9 * double{whole[0]}));
  CHECK(cut[1] == whole[1]);
  // Decoupled: the weight is exp(0.2) * 0.9 = 1.099, or the cap.
  CHECK(slopes({.kl_coef = 0, .tis_cap = 2}, log_kept)[0] == Approx(-std::exp(0.2) * 0.9 / 2));
  CHECK(slopes({.kl_coef = 0, .tis_cap = 1.05}, log_kept)[0] == Approx(-1.05 / 2));
}

TEST_CASE("policy loss: KL estimators by hand, and their derivative") {
  Sequence s;
  s.logprobs = s.behaviour = {-1.0f};
  s.reference = {-2.0f};  // d = 1
  s.mask = {1};
  const auto normaliser = normaliser_of({s}, 1);
  const std::array values = {1.0, 0.5, std::exp(-1.0)};
  const std::array slopes = {1.0, 1.0, 1 - std::exp(-1.0)};
  for (size_t k = 0; k < kKinds.size(); ++k) {
    std::vector<float> slope(1);
    const auto parts =
        sequence_loss({.kl_type = kKinds[k], .kl_coef = 0.5}, normaliser, s.terms(false), slope);
    CHECK(parts.kl_sum == Approx(values[k]));
    CHECK(parts.kl == Approx(0.5 * values[k]));
    CHECK(parts.policy == 0);
    CHECK(slope[0] == Approx(0.5 * slopes[k]));
  }
}

TEST_CASE("policy loss: k3 keeps its precision where policy and reference nearly agree") {
  Sequence s;
  s.logprobs = s.behaviour = {-1.0f};
  s.reference = {-1.0f - 0x1p-20f};
  s.mask = {1};
  std::vector<float> slope(1);
  const auto parts = sequence_loss({.kl_coef = 1}, normaliser_of({s}, 1), s.terms(false), slope);
  CHECK(parts.kl_sum == Approx(0x1p-41).epsilon(1e-5));  // d^2 / 2
  CHECK(slope[0] == Approx(0x1p-20).epsilon(1e-5));
}

TEST_CASE("policy loss: an on-policy first update has ratio exactly 1 and clips nothing") {
  Sequence s;
  s.logprobs = s.behaviour = {-0.3f, -12.7f, -0.0f};
  s.mask = {1, 1, 1};
  s.advantage = 1.5;
  std::vector<float> slopes(3);
  const auto parts =
      sequence_loss({.kl_coef = 0, .tis_cap = 2}, normaliser_of({s}, 3), s.terms(false), slopes);
  CHECK(parts.ratio_max == 1.0);
  CHECK(parts.ratio_sum == 3.0);
  CHECK(parts.clipped_high + parts.clipped_low + parts.tis_capped == 0);
  CHECK(slopes == std::vector<float>(3, -0.5f));
}

TEST_CASE("policy loss: the numbers of PyTorch autograd") {
  const auto goldens = test::goldens("loss_goldens.json");
  std::vector<Sequence> step;
  const auto& in = goldens["inputs"];
  for (size_t i = 0; i < in["mask"].size(); ++i) {
    Sequence s{in["logprobs"][i],       in["behaviour"][i], in["proximal"][i],
               in["reference"][i],      in["entropies"][i], {},
               goldens["advantages"][i]};
    for (const double m : in["mask"][i]) s.mask.push_back(m != 0);
    step.push_back(s);
  }
  const auto normaliser = normaliser_of(step, goldens["length_max"]);
  const std::map<std::string, LossAggMode> modes = {
      {"token-mean", LossAggMode::kTokenMean},
      {"seq-mean-token-mean", LossAggMode::kSeqMeanTokenMean},
      {"seq-mean-token-sum-norm", LossAggMode::kSeqMeanTokenSumNorm}};
  const std::map<std::string, KlType> kinds = {
      {"k1", KlType::kK1}, {"k2", KlType::kK2}, {"k3", KlType::kK3}};
  CHECK(goldens["cases"].size() == 81);
  uint64_t high = 0, low = 0, capped = 0;
  for (const auto& golden : goldens["cases"]) {
    const auto& o = golden["options"];
    CAPTURE(o.dump());
    const LossOptions options{.clip_ratio_low = o["clip_ratio_low"],
                              .clip_ratio_high = o["clip_ratio_high"],
                              .loss_agg_mode = modes.at(o["loss_agg_mode"]),
                              .kl_type = kinds.at(o["kl_type"]),
                              .kl_coef = o["kl_coef"],
                              .tis_cap = o["tis_cap"],
                              .entropy_coef = o["entropy_coef"]};
    LossParts total;
    for (size_t i = 0; i < step.size(); ++i) {
      std::vector<float> slopes(step[i].mask.size(), 99.0f), entropy_slopes(slopes);
      total.add(sequence_loss(options, normaliser, step[i].terms(o["with_proximal"]), slopes,
                              entropy_slopes));
      for (size_t t = 0; t < slopes.size(); ++t) {
        const double expected = golden["dlogprobs"][i][t];
        CHECK(slopes[t] == Approx(expected).epsilon(1e-6).margin(1e-9));  // Float32 output.
      }
      if (i == 0) CHECK(entropy_slopes[0] == Approx(golden["dentropy"].get<double>()));
    }
    CHECK(total.loss() == Approx(golden["loss"].get<double>()).epsilon(1e-12));
    high += total.clipped_high;
    low += total.clipped_low;
    capped += total.tis_capped;
  }
  CHECK((high > 0 && low > 0 && capped > 0));  // The goldens reach every branch.
}

TEST_CASE("policy loss: gradients are finite differences of an independent formulation") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kData, 3);
  constexpr double kStep = 1e-5;
  constexpr uint64_t kLengthMax = 16;
  uint64_t clipped = 0, capped = 0, masked = 0;
  for (const auto mode : kModes)
    for (const auto kind : kKinds)
      for (const double high : {0.2, 0.28, 10.0})
        for (const double cap : {0.0, 1.2})
          for (const bool with_proximal : {false, true}) {
            const LossOptions options{.clip_ratio_high = high,
                                      .loss_agg_mode = mode,
                                      .kl_type = kind,
                                      .kl_coef = 0.1,
                                      .tis_cap = cap,
                                      .entropy_coef = 0.02};
            const auto step = random_step(random, options);
            const auto normaliser = normaliser_of(step, kLengthMax);
            LossParts total;
            double expected_loss = 0;
            for (const Sequence& s : step) {
              std::vector<float> slopes(s.mask.size()), entropy_slopes(s.mask.size());
              total.add(sequence_loss(options, normaliser, s.terms(with_proximal), slopes,
                                      entropy_slopes));
              for (size_t t = 0; t < s.mask.size(); ++t) {
                if (s.mask[t] == 0) {
                  ++masked;
                  REQUIRE(slopes[t] == 0.0f);
                  REQUIRE(entropy_slopes[t] == 0.0f);
                  continue;
                }
                const double weight = reference_weight(mode, step, s, kLengthMax);
                const auto f = [&](double logp) {
                  return weight *
                         token_objective(options, s, t, logp, s.logprobs[t], with_proximal);
                };
                const double at = s.logprobs[t];
                expected_loss += f(at);
                const double difference = (f(at + kStep) - f(at - kStep)) / (2 * kStep);
                // Truncation is of order kStep^2, rounding 1e-16 / kStep; the output is float32.
                REQUIRE(slopes[t] == Approx(difference).epsilon(1e-6).margin(1e-9));
                REQUIRE(entropy_slopes[t] == Approx(-0.02 * weight));
              }
            }
            REQUIRE(total.loss() == Approx(expected_loss).epsilon(1e-10).margin(1e-12));
            clipped += total.clipped_high + total.clipped_low;
            capped += total.tis_capped;
          }
  CHECK((clipped > 0 && capped > 0 && masked > 0));
}

TEST_CASE("policy loss: a sequence without tokens to learn from adds nothing") {
  Sequence s;
  s.logprobs = s.behaviour = s.reference = {-1.0f, -2.0f};
  s.mask = {0, 0};
  s.advantage = 1;
  std::vector<float> slopes(2, 7.0f);
  const auto parts = sequence_loss({}, LossNormaliser(4), s.terms(false), slopes);
  CHECK(parts.loss() == 0);
  CHECK(parts.tokens == 0);
  CHECK(parts.clip_fraction() == 0);
  CHECK(slopes == std::vector<float>{0.0f, 0.0f});
}

TEST_CASE("policy loss: log-probs far apart stay finite") {
  for (const float gap : {50.0f, 500.0f, -50.0f, -500.0f})
    for (const auto kind : kKinds)
      for (const double cap : {0.0, 2.0}) {
        Sequence s;
        s.logprobs = {-600.0f};
        s.behaviour = s.reference = {-600.0f - gap};
        s.mask = {1};
        s.advantage = -1;
        std::vector<float> slopes(1);
        const auto parts = sequence_loss({.kl_type = kind, .kl_coef = 1, .tis_cap = cap},
                                         normaliser_of({s}, 4), s.terms(false), slopes);
        CHECK(std::isfinite(parts.loss()));
        CHECK(std::isfinite(slopes[0]));
        CHECK(parts.ratio_max <= std::exp(kLogRatioMax));
      }
}

TEST_CASE("policy loss: options are the recipe's, and defaults agree") {
  config::TrainSection train;
  const auto defaults = LossOptions::of(train);
  CHECK(defaults.clip_ratio_low == LossOptions{}.clip_ratio_low);
  CHECK(defaults.clip_ratio_high == LossOptions{}.clip_ratio_high);
  CHECK(defaults.kl_coef == LossOptions{}.kl_coef);
  CHECK(defaults.kl_type == LossOptions{}.kl_type);
  train.clip_ratio_low = 0.1;
  train.clip_ratio_high = 0.3;
  train.loss_agg_mode = LossAggMode::kSeqMeanTokenSumNorm;
  train.kl_type = KlType::kK1;
  train.kl_coef = 0.4;
  train.tis_cap = 5;
  const auto o = LossOptions::of(train);
  CHECK((o.clip_ratio_low == 0.1 && o.clip_ratio_high == 0.3 && o.kl_coef == 0.4));
  CHECK((o.tis_cap == 5 && o.kl_type == KlType::kK1));
  CHECK(o.loss_agg_mode == LossAggMode::kSeqMeanTokenSumNorm);
}
