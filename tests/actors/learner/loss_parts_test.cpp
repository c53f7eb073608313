// Goal: an engine may ask for the loss of a long completion part by part. Method: random
// completions, in one and in parts of every size.

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "actors/learner/policy_loss.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::learner;
using Catch::Approx;

TEST_CASE("policy loss: a sequence in parts has the gradient and the sums of the whole") {
  constexpr size_t kLength = 11;
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 4);
  const auto log_probs = [&] {
    std::vector<float> all(kLength);
    for (float& x : all) x = static_cast<float>(-random.uniform());
    return all;
  };
  for (const auto mode : {config::LossAggMode::kTokenMean, config::LossAggMode::kSeqMeanTokenMean,
                          config::LossAggMode::kSeqMeanTokenSumNorm}) {
    const auto logprobs = log_probs(), behaviour = log_probs(), log_kept = log_probs(),
               reference = log_probs();
    std::vector<uint8_t> mask(kLength, 1);
    mask[random.below(kLength)] = 0;
    LossNormaliser normaliser(16);
    normaliser.add(mask);
    const uint64_t tokens = normaliser.add(mask);
    const LossOptions options{.loss_agg_mode = mode, .kl_coef = 0.1, .tis_cap = 1.2};
    const auto loss = [&](size_t first, size_t count, std::vector<float>& slopes) {
      const auto part = [&](const auto& all) { return std::span(all).subspan(first, count); };
      return sequence_loss(options, normaliser,
                           {.logprobs = part(logprobs),
                            .behaviour = part(behaviour),
                            .log_kept = part(log_kept),
                            .proximal = {},
                            .reference = part(reference),
                            .entropies = {},
                            .mask = part(mask),
                            .sequence_tokens = count < kLength ? tokens : 0,
                            .advantage = 0.7},
                           std::span(slopes).subspan(first, count));
    };
    std::vector<float> slopes(kLength);
    const LossParts whole = loss(0, kLength, slopes);
    for (size_t size = 1; size < kLength; ++size) {
      CAPTURE(static_cast<int>(mode), size);
      std::vector<float> of_parts(kLength);
      LossParts sum;
      for (size_t first = 0; first < kLength; first += size)
        sum.add(loss(first, std::min(size, kLength - first), of_parts));
      CHECK(of_parts == slopes);
      CHECK(sum.tokens == tokens);
      CHECK(sum.tis_capped == whole.tis_capped);
      CHECK(sum.ratio_max == whole.ratio_max);
      CHECK(sum.loss() == Approx(whole.loss()).epsilon(1e-12));
      CHECK(sum.kl_sum == Approx(whole.kl_sum).epsilon(1e-12));
    }
  }
}
