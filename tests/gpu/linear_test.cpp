// Matrix products: every output bit equals a scalar chain of fused multiply-adds in order of k, in
// every variant of the table, for random shapes and strides.

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "gpu/ops.hpp"
#include "runtime/env/random.hpp"
#include "tests/gpu/arrays.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using test::Floats;

TEST_CASE("linear: each output is one fma chain, with bias and residual added after it") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 1);
  CAPTURE(test::seed());
  for (int round = 0; round < 40; ++round) {
    const uint32_t rows = random.below(50), outputs = 16 * (1 + random.below(9)),
                   inputs = 1 + random.below(200);
    const size_t x_stride = inputs + random.below(5), y_stride = outputs + random.below(5);
    const bool with_bias = random.below(2) != 0, with_residual = random.below(2) != 0;
    CAPTURE(rows, outputs, inputs);
    const Floats x = test::normals(random, rows * x_stride),
                 w = test::normals(random, size_t{outputs} * inputs),
                 bias = test::normals(random, outputs),
                 residual = test::normals(random, rows * y_stride);
    Floats expected(rows * y_stride, -7.0f);
    for (size_t r = 0; r < rows; ++r)
      for (size_t n = 0; n < outputs; ++n) {
        float sum = 0;
        for (size_t k = 0; k < inputs; ++k)
          sum = std::fmaf(x[r * x_stride + k], w[n * inputs + k], sum);
        if (with_bias) sum += bias[n];
        if (with_residual) sum += residual[r * y_stride + n];
        expected[r * y_stride + n] = sum;
      }
    for (const gpu::Ops* ops : test::variants()) {
      CAPTURE(ops->name);
      for (const bool transposed : {false, true}) {
        Floats stored = w;
        if (transposed)
          for (size_t n = 0; n < outputs; ++n)
            for (size_t k = 0; k < inputs; ++k) stored[k * outputs + n] = w[n * inputs + k];
        Floats panels(ops->packed_size(outputs, inputs), NAN), y(rows * y_stride, -7.0f);
        ops->pack({stored.data(), outputs, inputs, transposed, panels.data()});
        ops->linear({.x = x.data(),
                     .rows = rows,
                     .x_stride = x_stride,
                     .panels = panels.data(),
                     .outputs = outputs,
                     .inputs = inputs,
                     .bias = with_bias ? bias.data() : nullptr,
                     .residual = with_residual ? residual.data() : nullptr,
                     .y = y.data(),
                     .y_stride = y_stride});
        CHECK(test::same_bits(y, expected));
      }
    }
  }
}

TEST_CASE("weight gradient: each element is one fma chain over the rows, from what was there") {
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 2);
  CAPTURE(test::seed());
  for (int round = 0; round < 40; ++round) {
    const uint32_t rows = random.below(120), outputs = 1 + random.below(150),
                   inputs = 16 * (1 + random.below(9));
    const size_t dy_stride = outputs + random.below(5), x_stride = inputs + random.below(5);
    CAPTURE(rows, outputs, inputs);
    const Floats dy = test::normals(random, rows * dy_stride),
                 x = test::normals(random, rows * x_stride);
    const Floats dw0 = test::normals(random, size_t{outputs} * inputs),
                 db0 = test::normals(random, outputs);
    Floats dw = dw0, db = db0;
    for (size_t t = 0; t < rows; ++t)
      for (size_t n = 0; n < outputs; ++n) {
        db[n] += dy[t * dy_stride + n];
        for (size_t k = 0; k < inputs; ++k)
          dw[n * inputs + k] =
              std::fmaf(dy[t * dy_stride + n], x[t * x_stride + k], dw[n * inputs + k]);
      }
    for (const gpu::Ops* ops : test::variants()) {
      CAPTURE(ops->name);
      Floats dw1 = dw0, db1 = db0, scratch(gpu::weight_gradient_scratch(rows, outputs, inputs));
      ops->weight_gradient({.dy = dy.data(),
                            .dy_stride = dy_stride,
                            .x = x.data(),
                            .x_stride = x_stride,
                            .rows = rows,
                            .outputs = outputs,
                            .inputs = inputs,
                            .dw = dw1.data(),
                            .db = db1.data(),
                            .scratch = scratch.data()});
      CHECK(test::same_bits(dw1, dw));
      CHECK(test::same_bits(db1, db));
    }
  }
}
