// Row-wise operations against float64 loops, their gradients against central differences of those
// loops, and every variant of the table against the plain one, bit for bit.

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "tests/gpu/arrays.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using test::Floats;

namespace {

using Doubles = std::vector<double>;

Doubles widened(const Floats& x) {
  return {x.begin(), x.end()};
}

/// d (sum of dy * f(x)) / dx by central differences.
Doubles slopes(const std::function<Doubles(const Doubles&)>& f, Doubles x, const Floats& dy) {
  constexpr double kStep = 1e-5;
  Doubles result;
  for (double& v : x) {
    const double at = v;
    double loss[2];
    for (const int side : {0, 1}) {
      v = at + (side == 0 ? -kStep : kStep);
      const Doubles y = f(x);
      loss[side] = 0;
      for (size_t i = 0; i < y.size(); ++i) loss[side] += double{dy[i]} * y[i];
    }
    v = at;
    result.push_back((loss[1] - loss[0]) / (2 * kStep));
  }
  return result;
}

/// Runs f with each variant, requires equal bits, returns them.
Floats in_all_variants(const std::function<Floats(const gpu::Ops&)>& f) {
  const auto list = test::variants();
  const Floats plain = f(*list.back());
  for (const gpu::Ops* ops : list) {
    CAPTURE(ops->name);
    CHECK(test::same_bits(f(*ops), plain));
  }
  return plain;
}

constexpr double kTolerance = 2e-6;  // A dozen float32 roundings.

}  // namespace

TEST_CASE("rms norm: value and gradients") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 3);
  constexpr size_t kRows = 3, kGroups = 2, kWidth = 32, kStride = 80;
  const float eps = 1e-3f;
  const Floats x = test::normals(random, kRows * kStride), w = test::normals(random, kWidth),
               dy = test::normals(random, kRows * kStride);
  const auto reference = [&](const Doubles& xs, const Doubles& ws) {
    Doubles y(xs.size(), 0.0);
    for (size_t r = 0; r < kRows; ++r)
      for (size_t g = 0; g < kGroups; ++g) {
        const size_t at = r * kStride + g * kWidth;
        double squares = 0;
        for (size_t i = 0; i < kWidth; ++i) squares += xs[at + i] * xs[at + i];
        for (size_t i = 0; i < kWidth; ++i)
          y[at + i] = xs[at + i] / std::sqrt(squares / kWidth + double{eps}) * ws[i];
      }
    return y;
  };
  const auto args = [&](float* y) {
    return gpu::NormArgs{x.data(), y, kRows, kStride, kGroups, kWidth, w.data(), eps};
  };
  const Floats y = in_all_variants([&](const gpu::Ops& ops) {
    Floats out(x.size(), 0.0f);
    ops.rms_norm(args(out.data()));
    return out;
  });
  CHECK(test::worst_difference(y, reference(widened(x), widened(w))) < kTolerance);

  const Floats gradients = in_all_variants([&](const gpu::Ops& ops) {
    Floats dx(x.size(), 0.0f), dw(kWidth, 0.25f), twice(x.size(), 0.0f);
    ops.rms_norm_backward({args(nullptr), dy.data(), dx.data(), false, dw.data()});
    Floats ignored(kWidth, 0.0f);
    twice = dx;
    ops.rms_norm_backward({args(nullptr), dy.data(), twice.data(), true, ignored.data()});
    for (size_t i = 0; i < dx.size(); ++i) CHECK(twice[i] == dx[i] + dx[i]);
    dx.insert(dx.end(), dw.begin(), dw.end());
    return dx;
  });
  Doubles expected =
      slopes([&](const Doubles& v) { return reference(v, widened(w)); }, widened(x), dy);
  for (const double d :
       slopes([&](const Doubles& v) { return reference(widened(x), v); }, widened(w), dy))
    expected.push_back(d + 0.25);
  CHECK(test::worst_difference(gradients, expected) < kTolerance * 5);
}

TEST_CASE("swiglu: value and gradients, also where the exponential leaves float32") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 4);
  constexpr size_t kRows = 4, kWidth = 48;
  Floats x = test::normals(random, kRows * 2 * kWidth, 3.0);
  x[0] = 200.0f;
  x[1] = -200.0f;
  x[2] = -87.5f;
  const Floats dy = test::normals(random, kRows * kWidth);
  const auto reference = [&](const Doubles& xs) {
    Doubles y;
    for (size_t r = 0; r < kRows; ++r)
      for (size_t c = 0; c < kWidth; ++c) {
        const double gate = xs[r * 2 * kWidth + c];
        y.push_back(gate / (1 + std::exp(-gate)) * xs[r * 2 * kWidth + kWidth + c]);
      }
    return y;
  };
  const Floats y = in_all_variants([&](const gpu::Ops& ops) {
    Floats out(kRows * kWidth);
    ops.swiglu(x.data(), kRows, kWidth, out.data());
    return out;
  });
  CHECK(test::worst_difference(y, reference(widened(x))) < kTolerance);
  const Floats dx = in_all_variants([&](const gpu::Ops& ops) {
    Floats gradient = x, again = dy;
    ops.swiglu_backward(gradient.data(), again.data(), kRows, kWidth);
    CHECK(test::same_bits(again, y));
    return gradient;
  });
  CHECK(test::worst_difference(dx, slopes(reference, widened(x), dy)) < kTolerance * 5);
}

TEST_CASE("rope: rotates halves by position, and back") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 5);
  constexpr size_t kRows = 3, kHeads = 2, kDim = 48, kStride = 112;
  const Floats x = test::normals(random, kRows * kStride), table = test::normals(random, 10 * kDim);
  const std::vector<uint32_t> positions{7, 0, 9};
  const auto run = [&](const gpu::Ops& ops, Floats v, bool inverse) {
    ops.rope({v.data(), kRows, kStride, kHeads, kDim, positions.data(), table.data(), inverse});
    return v;
  };
  for (const bool inverse : {false, true}) {
    Doubles expected = widened(x);
    for (size_t r = 0; r < kRows; ++r)
      for (size_t h = 0; h < kHeads; ++h)
        for (size_t i = 0; i < kDim / 2; ++i) {
          double &a = expected[r * kStride + h * kDim + i],
                 &b = expected[r * kStride + h * kDim + kDim / 2 + i];
          const double c = double{table[positions[r] * kDim + i]},
                       s = double{table[positions[r] * kDim + kDim / 2 + i]} * (inverse ? -1 : 1);
          const double a0 = a;
          a = a0 * c - b * s;
          b = b * c + a0 * s;
        }
    CHECK(test::worst_difference(
              in_all_variants([&](const gpu::Ops& ops) { return run(ops, x, inverse); }),
              expected) < kTolerance);
  }
}

TEST_CASE("log-prob: value, entropy and gradient at a temperature, over an odd vocabulary") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 6);
  constexpr size_t kRows = 4, kVocab = 39, kStride = 64;
  const Floats logits = test::normals(random, kRows * kStride, 4.0), scale{1.0f, 0.5f, 2.0f, 1.0f},
               g = test::normals(random, kRows);
  const std::vector<int32_t> targets{0, 38, 17, 5};
  const auto reference = [&](const Doubles& z, bool entropy) {
    Doubles out;
    for (size_t r = 0; r < kRows; ++r) {
      double sum = 0, h = 0;
      for (size_t c = 0; c < kVocab; ++c) sum += std::exp(z[r * kStride + c] * double{scale[r]});
      for (size_t c = 0; c < kVocab; ++c) {
        const double l = z[r * kStride + c] * double{scale[r]} - std::log(sum);
        h -= std::exp(l) * l;
      }
      const double l =
          z[r * kStride + static_cast<size_t>(targets[r])] * double{scale[r]} - std::log(sum);
      out.push_back(entropy ? h : l);
    }
    return out;
  };
  const Floats values = in_all_variants([&](const gpu::Ops& ops) {
    Floats z = logits, out(2 * kRows);
    ops.log_prob({z.data(), kRows, kStride, kVocab, scale.data(), targets.data(), out.data(),
                  out.data() + kRows});
    return out;
  });
  Doubles expected = reference(widened(logits), false);
  for (const double h : reference(widened(logits), true)) expected.push_back(h);
  CHECK(test::worst_difference(values, expected) < kTolerance);
  const Floats dz = in_all_variants([&](const gpu::Ops& ops) {
    Floats z = logits;
    ops.log_prob_backward(
        {z.data(), kRows, kStride, kVocab, scale.data(), targets.data(), g.data()});
    return z;
  });
  CHECK(test::worst_difference(dz, slopes([&](const Doubles& z) { return reference(z, false); },
                                          widened(logits), g)) < kTolerance * 5);
}

TEST_CASE("sample: the draws have the softmax's frequencies, and never a token of probability 0") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 7);
  constexpr size_t kVocab = 5, kStride = 16, kDraws = 20000;
  const float logits[kVocab] = {0.0f, 1.0f, -500.0f, 2.0f, -1.0f};
  double sum = 0;
  for (const float l : logits) sum += std::exp(double{l});
  Floats uniforms(kDraws);
  for (float& u : uniforms) u = static_cast<float>(random.uniform()) * (1 - 1e-7f);
  uniforms[0] = 0.0f;
  uniforms[1] = 1.0f - 1.0f / (1 << 24);
  const Floats scale(kDraws, 1.0f);
  const Floats drawn = in_all_variants([&](const gpu::Ops& ops) {
    Floats z(kDraws * kStride), logprobs(kDraws), out(kDraws);
    for (size_t i = 0; i < kDraws; ++i) std::copy_n(logits, kVocab, z.data() + i * kStride);
    std::vector<int32_t> tokens(kDraws);
    ops.sample({z.data(), kDraws, kStride, kVocab, scale.data(), uniforms.data(), tokens.data(),
                logprobs.data()});
    for (size_t i = 0; i < kDraws; ++i) {
      REQUIRE((tokens[i] >= 0 && tokens[i] < 5 && tokens[i] != 2));
      out[i] = static_cast<float>(tokens[i]);
    }
    CHECK(std::abs(double{logprobs[0]} + std::log(sum)) < 1e-6);
    return out;
  });
  CHECK(drawn[0] == 0.0f);
  CHECK(drawn[1] == 4.0f);
  for (const int token : {0, 1, 3, 4}) {
    const double p = std::exp(double{logits[token]}) / sum;
    const double n =
        static_cast<double>(std::count(drawn.begin(), drawn.end(), static_cast<float>(token)));
    CHECK(std::abs(n - kDraws * p) < 5 * std::sqrt(kDraws * p * (1 - p)));
  }
}

TEST_CASE("sample: a logit that is not finite gives no token") {
  for (const gpu::Ops* ops : test::variants())
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      Floats z(16, 0.0f), scale{1.0f}, uniform{0.3f}, logprob(1);
      z[4] = bad;
      int32_t token = 0;
      ops->sample({z.data(), 1, 16, 9, scale.data(), uniform.data(), &token, logprob.data()});
      CHECK(token == -1);
    }
}

TEST_CASE("optimizer and gradient lanes: every variant gives the same bits") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 8);
  constexpr size_t kSize = 96;
  const Floats g = test::normals(random, 3 * kSize), w = test::normals(random, kSize);
  in_all_variants([&](const gpu::Ops& ops) {
    Floats lanes = g, out(kSize), m(kSize, 0.1f), v(kSize, 0.2f);
    float* pointers[] = {lanes.data(), lanes.data() + kSize, lanes.data() + 2 * kSize};
    const double squares = ops.sum_lanes(pointers, 3, 16, kSize - 16);
    double expected = 0;
    for (size_t i = 16; i < kSize; ++i) {
      CHECK(lanes[i] == (g[i] + g[kSize + i]) + g[2 * kSize + i]);
      expected += double{lanes[i]} * double{lanes[i]};
    }
    for (size_t i = 0; i < 16; ++i) CHECK(lanes[i] == g[i]);
    CHECK(std::abs(squares - expected) < 1e-9 * expected);
    ops.adamw({lanes.data(), w.data(), out.data(), m.data(), v.data(), kSize, 0.5f, 0.9f, 0.1f,
               0.99f, 0.01f, 0.999f, 0.02f, 1.5f, 1e-8f});
    for (const Floats* part : {&m, &v}) out.insert(out.end(), part->begin(), part->end());
    out.push_back(static_cast<float>(squares));
    return out;
  });
}
