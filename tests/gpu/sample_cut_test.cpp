// Goal: top-k, top-p and min-p leave out what they say, nothing else changes, and what they keep is
// reported.
// Method: logits whose order and shares are known; random ones against a sort.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "gpu/ops.hpp"
#include "runtime/env/random.hpp"
#include "tests/gpu/arrays.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;

namespace {

constexpr size_t kStride = 64, kVocab = 50, kDraws = 400;

struct Draws {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs, log_kept;
};

/// kDraws draws at evenly spread uniforms.
Draws draw(const gpu::Ops& ops, const std::vector<float>& logits, gpu::SampleCut cut) {
  std::vector<float> z(kDraws * kStride), scale(kDraws, 1.0f), uniforms(kDraws);
  for (size_t i = 0; i < kDraws; ++i) {
    std::copy(logits.begin(), logits.end(), z.begin() + static_cast<ptrdiff_t>(i * kStride));
    uniforms[i] = static_cast<float>(i) / kDraws;
  }
  const std::vector<gpu::SampleCut> cuts(kDraws, cut);
  Draws d{std::vector<int32_t>(kDraws), std::vector<float>(kDraws), std::vector<float>(kDraws)};
  ops.sample({z.data(), kDraws, kStride, kVocab, scale.data(), uniforms.data(), d.tokens.data(),
              d.logprobs.data(), cuts.data(), d.log_kept.data()});
  return d;
}

std::vector<float> random_logits(uint32_t stream) {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, stream);
  std::vector<float> logits(kVocab);
  for (float& l : logits) l = static_cast<float>(2 * random.normal());
  return logits;
}

/// The tokens that a sort keeps.
std::set<int32_t> kept(const std::vector<float>& logits, gpu::SampleCut cut) {
  std::vector<int32_t> order(kVocab);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  if (cut.top_k > 0 && cut.top_k < kVocab) order.resize(cut.top_k);
  double all = 0;
  for (const int32_t t : order) all += std::exp(double{logits[static_cast<size_t>(t)]});
  std::set<int32_t> out;
  double reached = 0;
  for (const int32_t t : order) {
    if (reached >= double{cut.top_p} * all) break;
    const float below = logits[static_cast<size_t>(order.front())] - logits[static_cast<size_t>(t)];
    if (std::exp(-double{below}) < double{cut.min_p}) break;
    reached += std::exp(double{logits[static_cast<size_t>(t)]});
    out.insert(t);
  }
  return out;
}

}  // namespace

TEST_CASE("sample: top-k, top-p and min-p keep what a sort keeps, in the same proportions") {
  CAPTURE(test::seed());
  for (uint32_t stream = 0; stream < 5; ++stream) {
    const std::vector<float> logits = random_logits(stream);
    for (const gpu::SampleCut cut :
         {gpu::SampleCut{1, 1}, gpu::SampleCut{1, 7}, gpu::SampleCut{0.5f, 0},
          gpu::SampleCut{0.9f, 0}, gpu::SampleCut{0.8f, 5}, gpu::SampleCut{1e-6f, 0},
          gpu::SampleCut{0.999f, 60}, gpu::SampleCut{1, 0, 0.05f}, gpu::SampleCut{1, 0, 1},
          gpu::SampleCut{0.7f, 9, 0.2f}, gpu::SampleCut{0.95f, 40, 1e-4f}}) {
      CAPTURE(stream, cut.top_p, cut.top_k, cut.min_p);
      const std::set<int32_t> wanted = kept(logits, cut);
      double mass = 0, all = 0;
      for (const float l : logits) all += std::exp(double{l});
      for (const int32_t t : wanted) mass += std::exp(double{logits[static_cast<size_t>(t)]});
      for (const gpu::Ops* ops : test::variants()) {
        const Draws d = draw(*ops, logits, cut);
        for (const int32_t t : d.tokens) CHECK(wanted.contains(t));
        for (const float kept : d.log_kept)
          CHECK(std::abs(double{kept} - std::log(mass / all)) < 1e-5);
        for (const int32_t t : wanted) {
          const double share = std::exp(double{logits[static_cast<size_t>(t)]}) / mass;
          const auto count = std::count(d.tokens.begin(), d.tokens.end(), t);
          // Evenly spread draws miss a share by one at each of its ends.
          CHECK(std::abs(static_cast<double>(count) - share * kDraws) < 1.01);
        }
      }
    }
  }
}

TEST_CASE("sample: a cut changes no log-prob, and ties at the edge stay") {
  const std::vector<float> logits = random_logits(9);
  for (const gpu::Ops* ops : test::variants()) {
    const Draws whole = draw(*ops, logits, {}), cut = draw(*ops, logits, {0.7f, 20, 0.01f});
    CHECK(whole.log_kept == std::vector<float>(kDraws, 0.0f));
    for (size_t i = 0; i < kDraws; ++i)
      for (size_t j = 0; j < kDraws; ++j)
        if (whole.tokens[j] == cut.tokens[i]) CHECK(whole.logprobs[j] == cut.logprobs[i]);
    std::vector<float> ties(kVocab, -3.0f);
    ties[4] = ties[9] = ties[40] = 1.0f;
    const Draws tied = draw(*ops, ties, {1, 2});
    CHECK(std::set<int32_t>(tied.tokens.begin(), tied.tokens.end()) == std::set<int32_t>{4, 9, 40});
  }
}
