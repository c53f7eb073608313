// Attention: values against a float64 loop, gradients against its central differences, all variants
// bit for bit, and the row contract: any cut of a sequence into runs, any page numbers, any
// neighbours.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "tests/gpu/arrays.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using test::Floats;

namespace {

using Doubles = std::vector<double>;

/// One sequence in float64.
Doubles reference(const gpu::AttendShape& s, const Doubles& qkv, size_t rows) {
  const size_t d = s.head_dim;
  Doubles out;
  for (size_t t = 0; t < rows; ++t)
    for (size_t h = 0; h < s.heads; ++h) {
      const double* q = &qkv[t * s.qkv_size() + h * d];
      const auto key = [&](size_t j) {
        return &qkv[j * s.qkv_size() + (s.heads + h / s.group()) * d];
      };
      Doubles weight(t + 1, 0.0), sum(d, 0.0);
      double total = 0;
      for (size_t j = 0; j <= t; ++j) {
        for (size_t i = 0; i < d; ++i) weight[j] += q[i] * key(j)[i];
        total += weight[j] = std::exp(weight[j] / std::sqrt(static_cast<double>(d)));
      }
      for (size_t j = 0; j <= t; ++j)
        for (size_t i = 0; i < d; ++i) sum[i] += weight[j] / total * key(j)[s.kv_heads * d + i];
      out.insert(out.end(), sum.begin(), sum.end());
    }
  return out;
}

struct Whole {
  Floats out, lse;
};

/// One sequence of `rows` rows, cut into runs of `cuts` rows and spread over the given pages.
Whole attend(const gpu::Ops& ops, const gpu::AttendShape& s, const Floats& qkv, size_t rows,
             const std::vector<uint32_t>& cuts, const std::vector<uint32_t>& pages) {
  Whole w{Floats(rows * s.q_size()), Floats(rows * s.heads)};
  Floats kv((1 + *std::max_element(pages.begin(), pages.end())) * s.page_floats(), 0.0f);
  Floats scratch(gpu::attend_scratch(s, static_cast<uint32_t>(rows)), NAN);
  uint32_t done = 0;
  for (const uint32_t count : cuts) {
    const gpu::SequenceRun run{0, count, done, pages.data()};
    const gpu::AttendArgs args{s,
                               &qkv[done * s.qkv_size()],
                               &run,
                               1,
                               kv.data(),
                               &w.out[done * s.q_size()],
                               &w.lse[done * s.heads],
                               scratch.data()};
    ops.store_kv(args);
    ops.attend(args);
    done += count;
  }
  REQUIRE(done == rows);
  return w;
}

const gpu::AttendShape kShapes[] = {{.heads = 4, .kv_heads = 2, .head_dim = 32},
                                    {.heads = 3, .kv_heads = 3, .head_dim = 16},
                                    {.heads = 6, .kv_heads = 1, .head_dim = 48}};

}  // namespace

TEST_CASE("attention: a float64 loop, in every variant, however the sequence is cut and paged") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 1);
  for (const gpu::AttendShape& s : kShapes)
    for (const uint32_t rows : {1u, 16u, 17u, 50u, 97u}) {
      CAPTURE(s.heads, rows, test::seed());
      const Floats qkv = test::normals(random, size_t{rows} * s.qkv_size(), 1.5);
      std::vector<uint32_t> pages(gpu::round_up(rows, 16) / 16);
      std::iota(pages.begin(), pages.end(), 0u);
      const Whole whole = attend(*test::variants().back(), s, qkv, rows, {rows}, pages);
      CHECK(test::worst_difference(whole.out, reference(s, {qkv.begin(), qkv.end()}, rows)) < 5e-6);
      for (const gpu::Ops* ops : test::variants()) {
        CAPTURE(ops->name);
        for (const bool one_by_one : {false, true}) {
          std::vector<uint32_t> cuts;
          for (uint32_t left = rows; left > 0; left -= cuts.back())
            cuts.push_back(one_by_one ? 1 : 1 + random.below(left));
          std::vector<uint32_t> scattered;
          for (size_t p = 0; p < pages.size(); ++p)
            scattered.push_back(static_cast<uint32_t>(3 * (pages.size() - p)));
          const Whole again = attend(*ops, s, qkv, rows, cuts, scattered);
          CHECK(test::same_bits(again.out, whole.out));
          CHECK(test::same_bits(again.lse, whole.lse));
        }
      }
    }
}

TEST_CASE("attention backward: central differences, in every variant, whatever the neighbours") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 2);
  for (const gpu::AttendShape& s : kShapes) {
    const uint32_t rows = 21;
    CAPTURE(s.heads, test::seed());
    const Floats qkv = test::normals(random, size_t{rows} * s.qkv_size());
    const Floats dout = test::normals(random, size_t{rows} * s.q_size());
    Floats plain;
    for (const gpu::Ops* ops : test::variants()) {
      CAPTURE(ops->name);
      const Whole w = attend(*ops, s, qkv, rows, {rows}, {0, 1});
      // The sequence twice in one batch.
      const gpu::SequenceRun runs[] = {{0, rows, 0, nullptr}, {rows, rows, 0, nullptr}};
      const auto twice = [](const Floats& x) {
        Floats y = x;
        y.insert(y.end(), x.begin(), x.end());
        return y;
      };
      const Floats qkv2 = twice(qkv), out2 = twice(w.out), lse2 = twice(w.lse), dout2 = twice(dout);
      Floats dqkv(qkv2.size(), NAN), scratch(gpu::attend_scratch(s, rows), NAN);
      ops->attend_backward({s, qkv2.data(), runs, 2, out2.data(), lse2.data(), dout2.data(),
                            dqkv.data(), scratch.data()});
      const Floats first(dqkv.begin(), dqkv.begin() + static_cast<long>(qkv.size()));
      const Floats second(dqkv.begin() + static_cast<long>(qkv.size()), dqkv.end());
      CHECK(test::same_bits(first, second));
      if (plain.empty()) plain = first;
      CHECK(test::same_bits(first, plain));
    }
    Doubles x(qkv.begin(), qkv.end()), slopes;
    constexpr double kStep = 1e-5;
    for (double& v : x) {
      const double at = v;
      double loss[2];
      for (const int side : {0, 1}) {
        v = at + (side == 0 ? -kStep : kStep);
        const Doubles y = reference(s, x, rows);
        loss[side] = 0;
        for (size_t i = 0; i < y.size(); ++i) loss[side] += double{dout[i]} * y[i];
      }
      v = at;
      slopes.push_back((loss[1] - loss[0]) / (2 * kStep));
    }
    CHECK(test::worst_difference(plain, slopes) < 1e-5);
  }
}
