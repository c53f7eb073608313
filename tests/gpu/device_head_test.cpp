// The head on a device: log-probs, entropies and gradients against the CPU's, and draws against
// the distribution that they are drawn from.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/gpu/arrays.hpp"
#include "tests/support/card.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using test::distance;
using test::Floats;

namespace {

struct Fixture {
  std::shared_ptr<gpu::Device> device = test::card();
  test::CardMemory card{device};
  gpu::DeviceStream& stream = card.stream();
  env::KeyedRandom random{test::seed(), env::Purpose::kData, 51};

  struct Drawn {
    std::vector<int32_t> tokens;
    Floats logprobs, log_kept;
  };
  /// One draw for each row; row r is sample r of stream 7.
  Drawn draw(const Floats& logits, uint32_t rows, uint32_t vocab, uint32_t stride,
             float temperature, gpu::SampleCut cut = {}, uint32_t position = 0) {
    std::vector<gpu::on_device::Draw> draws;
    std::vector<uint32_t> slots;
    for (uint32_t r = 0; r < rows; ++r) {
      draws.push_back({env::philox_key(3, env::Purpose::kSampling), 7, r,
                       temperature == 0 ? 1u : 0u, temperature == 0 ? 1.0f : 1 / temperature, cut});
      slots.push_back(rows - 1 - r);
    }
    auto* tokens = card.make<int32_t>(rows);
    auto *logprobs = card.make<float>(rows), *log_kept = card.make<float>(rows);
    stream.sample({card.put(logits), rows, stride, vocab, card.put(slots), card.put(draws),
                   card.put(std::vector<uint32_t>(rows, position)), tokens, logprobs, log_kept,
                   card.make<int32_t>(rows)});
    return {card.get(tokens, rows), card.get(logprobs, rows), card.get(log_kept, rows)};
  }
};

Floats repeated(const Floats& row, uint32_t rows) {
  Floats all;
  for (uint32_t r = 0; r < rows; ++r) all.insert(all.end(), row.begin(), row.end());
  return all;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "device: log-probs, entropies and their gradient; a draw's log-prob") {
  for (const uint32_t vocab : {26u, 1000u, 4099u, 151'936u}) {
    CAPTURE(vocab);
    const uint32_t rows = 9, stride = gpu::round_up(vocab, 16);
    Floats logits = test::normals(random, size_t{rows} * stride, 3), scales, g;
    std::vector<int32_t> targets;
    for (uint32_t r = 0; r < rows; ++r) {
      scales.push_back(0.5f + 0.25f * static_cast<float>(r));
      targets.push_back(static_cast<int32_t>(random.below(vocab)));
      g.push_back(static_cast<float>(random.normal()));
    }
    auto* z = card.put(logits);
    auto *logprobs = card.make<float>(rows), *entropies = card.make<float>(rows);
    auto* lse = card.make<float>(rows);
    auto *s = card.put(scales), *dg = card.put(g);
    auto* t = card.put(targets);
    auto* dz = card.put(logits);
    stream.log_prob({z, rows, stride, vocab, s, t, logprobs, entropies, lse});
    stream.log_prob_backward({dz, rows, stride, vocab, s, t, lse, dg});
    Floats cpu_logprobs(rows), cpu_entropies(rows), copy = logits;
    const gpu::Ops& cpu = gpu::cpu_ops();
    cpu.log_prob({copy.data(), rows, stride, vocab, scales.data(), targets.data(),
                  cpu_logprobs.data(), cpu_entropies.data()});
    const Floats got = card.get(logprobs, rows);
    CHECK(distance(got, cpu_logprobs) < 1e-6);
    CHECK(distance(card.get(entropies, rows), cpu_entropies) < 1e-5);
    copy = logits;
    cpu.log_prob_backward(
        {copy.data(), rows, stride, vocab, scales.data(), targets.data(), g.data()});
    const auto halves = card.get_bf16(reinterpret_cast<gpu::Bf16*>(dz), 2 * logits.size());
    Floats dlogits;
    for (uint32_t r = 0; r < rows; ++r) {
      const auto row = halves.begin() + 2 * r * stride;
      dlogits.insert(dlogits.end(), row, row + stride);
    }
    CHECK(distance(dlogits, copy) < 4e-3);

    // SAME-MATH: what is drawn at a row has the log-prob that scoring gives it.
    const Drawn drawn = draw(logits, rows, vocab, stride, 1.0f);
    stream.log_prob({z, rows, stride, vocab, card.put(Floats(rows, 1.0f)), card.put(drawn.tokens),
                     logprobs, entropies, lse});
    CHECK(test::same_bits(card.get(logprobs, rows), drawn.logprobs));
  }
}

TEST_CASE_METHOD(Fixture, "device: draws follow the distribution, and depend on their key alone") {
  const uint32_t vocab = 20, stride = 32, rows = 40'000;
  Floats row = test::normals(random, stride, 1.5);
  const Drawn drawn = draw(repeated(row, rows), rows, vocab, stride, 0.8f);
  std::vector<double> p(vocab), counts(vocab, 0.0);
  double total = 0;
  for (uint32_t v = 0; v < vocab; ++v) total += p[v] = std::exp(double{row[v]} / 0.8);
  for (const int32_t token : drawn.tokens) ++counts.at(static_cast<size_t>(token));
  double chi2 = 0;
  for (uint32_t v = 0; v < vocab; ++v) {
    const double expected = rows * p[v] / total;
    chi2 += (counts[v] - expected) * (counts[v] - expected) / expected;
  }
  CHECK(chi2 < 60);  // 19 degrees of freedom: one in 300,000.
  CHECK(draw(repeated(row, rows), rows, vocab, stride, 0.8f).tokens == drawn.tokens);
  CHECK(draw(repeated(row, rows), rows, vocab, stride, 0.8f, {}, 1).tokens != drawn.tokens);
}

TEST_CASE_METHOD(Fixture, "device: greedy, cuts, and rows that are not finite") {
  const uint32_t vocab = 5000, stride = 5008, rows = 300;
  Floats row = test::normals(random, stride, 2);
  row[4321] = row[17] = 30.0f;
  CHECK(draw(repeated(row, 2), 2, vocab, stride, 0.0f).tokens == std::vector<int32_t>{17, 17});
  const auto distinct = [&](gpu::SampleCut cut) {
    const auto tokens = draw(repeated(row, rows), rows, vocab, stride, 5.0f, cut).tokens;
    return std::set<int32_t>(tokens.begin(), tokens.end());
  };
  CHECK(distinct({.top_p = 1, .top_k = 2}) == std::set<int32_t>{17, 4321});
  CHECK(distinct({.top_p = 1e-6f, .top_k = 0}) == std::set<int32_t>{17, 4321});  // Ties stay.
  std::vector<float> sorted(row.begin(), row.begin() + vocab);
  std::sort(sorted.rbegin(), sorted.rend());
  for (const int32_t token : distinct({.top_p = 1, .top_k = 50}))
    CHECK(row[static_cast<size_t>(token)] >= sorted[49]);
  // The share that is kept is the CPU's.
  for (const gpu::SampleCut cut : {gpu::SampleCut{1, 0, 0.05f}, gpu::SampleCut{0.8f, 0, 0},
                                   gpu::SampleCut{0.9f, 300, 0.01f}}) {
    CAPTURE(cut.top_p, cut.top_k, cut.min_p);
    Floats z = repeated(row, rows), log_kept(rows), logprobs(rows), uniforms;
    for (uint32_t r = 0; r < rows; ++r) uniforms.push_back(static_cast<float>(r) / rows);
    std::vector<int32_t> tokens(rows);
    const Floats scales(rows, 0.2f);
    const std::vector<gpu::SampleCut> cuts(rows, cut);
    gpu::cpu_ops().sample({z.data(), rows, stride, vocab, scales.data(), uniforms.data(),
                           tokens.data(), logprobs.data(), cuts.data(), log_kept.data()});
    const Drawn drawn = draw(repeated(row, rows), rows, vocab, stride, 5.0f, cut);
    CHECK(distance(drawn.log_kept, log_kept) < 1e-5);
  }
  CHECK(draw(repeated(row, 2), 2, vocab, stride, 5.0f).log_kept == Floats{0, 0});
  row[3] = NAN;
  CHECK(draw(row, 1, vocab, stride, 1.0f).tokens == std::vector<int32_t>{-1});
}
