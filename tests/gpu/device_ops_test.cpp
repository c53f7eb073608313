// The device's operations against the CPU's, on inputs that bf16 holds exactly: what differs is
// the rounding of results.

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "gpu/device_sizes.hpp"
#include "tests/gpu/arrays.hpp"
#include "tests/support/card.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using test::distance;
using test::Floats;

namespace {

constexpr double kBf16 = 4e-3;   // Results in bf16: half a unit in the last place, and a little.
constexpr double kFloat = 2e-5;  // Results in float.

struct Fixture {
  std::shared_ptr<gpu::Device> device = test::card();
  test::CardMemory card{device};
  gpu::DeviceStream& stream = card.stream();
  env::KeyedRandom random{test::seed(), env::Purpose::kData, 50};
  const gpu::Ops& cpu = gpu::cpu_ops();

  Floats normals(size_t count, double scale = 1) {
    return test::rounded(test::normals(random, count, scale));
  }
};

/// y = x w^T in double.
std::vector<double> product(const Floats& x, const Floats& w, size_t rows, size_t outputs,
                            size_t inputs) {
  std::vector<double> y(rows * outputs, 0.0);
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < outputs; ++o)
      for (size_t i = 0; i < inputs; ++i)
        y[r * outputs + o] += double{x[r * inputs + i]} * double{w[o * inputs + i]};
  return y;
}

Floats transposed(const Floats& x, size_t rows, size_t cols) {
  Floats t(x.size());
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < cols; ++c) t[c * rows + r] = x[r * cols + c];
  return t;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "device: products, their gradients, and the row contract") {
  for (const auto& [rows, outputs, inputs] :
       {std::tuple{1u, 64u, 32u}, {7u, 48u, 128u}, {130u, 96u, 256u}, {513u, 160u, 64u}}) {
    CAPTURE(rows, outputs, inputs);
    const Floats x = normals(size_t{rows} * inputs), w = normals(size_t{outputs} * inputs);
    const Floats add = normals(size_t{rows} * outputs);
    auto* dx = card.put_bf16(x);
    auto* dw = card.put_bf16(w);
    auto* dadd = card.put_bf16(add);
    auto* y = card.make<gpu::Bf16>(add.size());
    auto* yf = card.make<float>(add.size());
    stream.linear({dx, rows, dw, outputs, inputs, dadd, y, nullptr, outputs});
    stream.linear({dx, rows, dw, outputs, inputs, nullptr, nullptr, yf, outputs});
    auto expected = product(x, w, rows, outputs, inputs);
    CHECK(distance(card.get(yf, add.size()), expected) < kFloat);
    for (size_t i = 0; i < add.size(); ++i) expected[i] += double{add[i]};
    CHECK(distance(card.get_bf16(y, add.size()), expected) < kBf16);

    // The last row alone.
    auto* one = card.make<float>(outputs);
    stream.linear(
        {dx + size_t{rows - 1} * inputs, 1, dw, outputs, inputs, nullptr, nullptr, one, outputs});
    CHECK(test::same_bits(card.get(one, outputs),
                          card.get(yf + size_t{rows - 1} * outputs, outputs)));

    auto* grad = card.put_bf16(x);
    stream.linear_input_gradient({dadd, outputs, rows, dw, outputs, inputs, true, grad});
    auto dx_expected = product(add, transposed(w, outputs, inputs), rows, inputs, outputs);
    for (size_t i = 0; i < x.size(); ++i) dx_expected[i] += double{x[i]};
    CHECK(distance(card.get_bf16(grad, x.size()), dx_expected) < kBf16);
    auto* sums = card.put(w);
    stream.weight_gradient({dadd, outputs, dx, rows, outputs, inputs, true, sums});
    auto dw_expected =
        product(transposed(add, rows, outputs), transposed(x, rows, inputs), outputs, inputs, rows);
    for (size_t i = 0; i < w.size(); ++i) dw_expected[i] += double{w[i]};
    CHECK(distance(card.get(sums, w.size()), dw_expected) < kFloat);
    auto* anew = card.put(Floats(w.size(), NAN));
    stream.weight_gradient({dadd, outputs, dx, rows, outputs, inputs, false, anew});
    for (size_t i = 0; i < w.size(); ++i) dw_expected[i] -= double{w[i]};
    CHECK(distance(card.get(anew, w.size()), dw_expected) < kFloat);
  }
}

TEST_CASE_METHOD(Fixture, "device: rms norm and its gradients") {
  for (const auto& [rows, width] :
       {std::pair{1u, 64u}, {37u, 128u}, {300u, 896u}, {9u, 3584u}, {700u, 1536u}, {3u, 10240u}}) {
    CAPTURE(rows, width);
    const size_t size = size_t{rows} * width;
    const Floats x = normals(size), w = normals(width), dy = normals(size), before = normals(size);
    Floats y(size), dx = before, dw(width, 0.5f);
    const gpu::NormArgs args{x.data(), y.data(), rows, width, 1, width, w.data(), 1e-6f};
    cpu.rms_norm(args);
    cpu.rms_norm_backward({args, dy.data(), dx.data(), true, dw.data()});
    auto* to = card.make<gpu::Bf16>(size);
    const gpu::on_device::NormArgs on{card.put_bf16(x), to, rows, width, card.put_bf16(w), 1e-6f};
    stream.rms_norm(on);
    CHECK(distance(card.get_bf16(to, size), y) < kBf16);
    auto* sum = card.put_bf16(before);
    auto* weights = card.put(Floats(width, 0.5f));
    auto* scratch = card.make<float>(gpu::on_device::column_scratch(width));
    stream.rms_norm_backward({on, card.put_bf16(dy), sum, true, weights, scratch});
    CHECK(distance(card.get_bf16(sum, size), dx) < kBf16);
    CHECK(distance(card.get(weights, width), dw) < kFloat);
  }
}

TEST_CASE_METHOD(Fixture, "device: bias, head norms, rotation and pages") {
  const uint32_t rows = 21;
  for (const auto& [shape, norms] : {std::pair{gpu::AttendShape{4, 2, 16}, false},
                                     {{6, 2, 64}, true},
                                     {{7, 1, 128}, false},
                                     {{2, 2, 32}, true}}) {
    CAPTURE(shape.heads, shape.head_dim, norms);
    const uint32_t d = shape.head_dim, width = shape.qkv_size(), q = shape.q_size();
    const Floats in = normals(size_t{rows} * width), bias = normals(width);
    const Floats qn = normals(d), kn = normals(d), dy = normals(size_t{rows} * width);
    Floats table = test::normals(random, 64 * d);
    std::vector<uint32_t> positions(rows), table_rows(rows, 1), pages(8);
    for (uint32_t r = 0; r < rows; ++r) positions[r] = 5 + r;
    for (uint32_t p = 0; p < 4; ++p) pages[4 + p] = 3 - p;

    Floats expected = in;
    if (!norms)
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += bias[i % width];
    const Floats pre = expected;
    const auto norm_args = [&](uint32_t at, uint32_t heads, const Floats& w, Floats& y) {
      return gpu::NormArgs{pre.data() + at, y.data() + at, rows, width, heads, d, w.data(), 1e-6f};
    };
    if (norms) {
      cpu.rms_norm(norm_args(0, shape.heads, qn, expected));
      cpu.rms_norm(norm_args(q, shape.kv_heads, kn, expected));
    }
    const auto rope = [&](Floats& x, bool inverse) {
      cpu.rope({x.data(), rows, width, shape.heads + shape.kv_heads, d, positions.data(),
                table.data(), inverse});
    };
    rope(expected, false);

    auto* out = card.make<gpu::Bf16>(in.size());
    auto* kv = card.make<gpu::Bf16>(4 * shape.page_floats());
    const gpu::on_device::FinishQkvArgs args{shape,
                                             card.put_bf16(in),
                                             out,
                                             rows,
                                             norms ? nullptr : card.put_bf16(bias),
                                             norms ? card.put_bf16(qn) : nullptr,
                                             norms ? card.put_bf16(kn) : nullptr,
                                             1e-6f,
                                             card.put(positions),
                                             card.put(table),
                                             {kv, card.put(pages), 4},
                                             card.put(table_rows)};
    stream.finish_qkv(args);
    const Floats result = card.get_bf16(out, in.size());
    CHECK(distance(result, expected) < kBf16);
    const Floats stored = card.get_bf16(kv, 4 * shape.page_floats());
    bool same = true;
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t h = 0; h < shape.kv_heads; ++h)
        for (uint32_t value = 0; value < 2; ++value)
          for (uint32_t i = 0; i < d; ++i) {
            const uint32_t p = positions[r], page = 3 - p / 16;
            const size_t at =
                ((size_t{page} * shape.kv_heads + h) * 2 + value) * 16 * d + p % 16 * d + i;
            const size_t from = size_t{r} * width + q + (value * shape.kv_heads + h) * d + i;
            same = same && stored[at] == result[from];
          }
    CHECK(same);

    Floats grad = dy, dq(d, 0.0f), dk(d, 0.0f);
    rope(grad, true);
    const Floats rotated = grad;
    Floats unused(in.size());
    if (norms) {
      cpu.rms_norm_backward(
          {norm_args(0, shape.heads, qn, unused), rotated.data(), grad.data(), false, dq.data()});
      cpu.rms_norm_backward({norm_args(q, shape.kv_heads, kn, unused), rotated.data() + q,
                             grad.data() + q, false, dk.data()});
    }
    Floats dbias(width, 0.0f);
    for (size_t i = 0; i < grad.size(); ++i) dbias[i % width] += grad[i];
    auto* g = card.put_bf16(dy);
    auto* gb = card.put(Floats(width, 0.0f));
    auto* gq = card.put(Floats(d, 0.0f));
    auto* gk = card.put(Floats(d, 0.0f));
    auto* scratch = card.make<float>(gpu::on_device::column_scratch(width));
    stream.finish_qkv_backward(
        {args, g, norms ? nullptr : gb, norms ? gq : nullptr, norms ? gk : nullptr, scratch});
    CHECK(distance(card.get_bf16(g, grad.size()), grad) < kBf16);
    if (norms) {
      CHECK(distance(card.get(gq, d), dq) < kFloat);
      CHECK(distance(card.get(gk, d), dk) < kFloat);
    } else {
      CHECK(distance(card.get(gb, width), dbias) < kBf16);
    }
  }
}

TEST_CASE_METHOD(Fixture, "device: attention over ragged sequences, and its gradients") {
  for (const gpu::AttendShape shape : {gpu::AttendShape{4, 2, 16}, gpu::AttendShape{3, 3, 32},
                                       gpu::AttendShape{14, 2, 64}, gpu::AttendShape{4, 1, 128}}) {
    CAPTURE(shape.heads, shape.head_dim);
    const std::vector<uint32_t> lengths{1, 17, 64, 65, 300};
    const uint32_t rows = std::accumulate(lengths.begin(), lengths.end(), 0u);
    const Floats qkv = normals(size_t{rows} * shape.qkv_size());
    const Floats dout = normals(size_t{rows} * shape.q_size());
    std::vector<gpu::SequenceRun> runs;
    std::vector<gpu::DeviceRun> device_runs;
    std::vector<uint32_t> pages(32);
    std::iota(pages.begin(), pages.end(), 0u);
    Floats kv(32 * shape.page_floats(), 0.0f), scratch(gpu::attend_scratch(shape, 300));
    Floats out(dout.size()), lse(size_t{rows} * shape.heads), dqkv(qkv.size());
    for (uint32_t first = 0, i = 0; i < lengths.size(); first += lengths[i++]) {
      const gpu::SequenceRun run{first, lengths[i], 0, pages.data()};
      const gpu::AttendArgs a{shape,     qkv.data(), &run,       1,
                              kv.data(), out.data(), lse.data(), scratch.data()};
      cpu.store_kv(a);
      cpu.attend(a);
      runs.push_back(run);
      device_runs.push_back({first, lengths[i], 0, 0});
    }
    cpu.attend_backward({shape, qkv.data(), runs.data(), runs.size(), out.data(), lse.data(),
                         dout.data(), dqkv.data(), scratch.data()});
    auto* x = card.put_bf16(qkv);
    auto* o = card.make<gpu::Bf16>(out.size());
    auto* l = card.make<float>(lse.size());
    const auto bytes = gpu::attend_scratch_bytes(shape, runs.size(), 300);
    auto* pieces = card.put(std::vector<uint8_t>(bytes, 0));
    const auto count = static_cast<uint32_t>(runs.size());
    auto* r = card.put(device_runs);
    stream.attend({shape, x, r, count, 300, 300, {}, o, l, pieces});
    CHECK(distance(card.get_bf16(o, out.size()), out) < 2 * kBf16);
    CHECK(distance(card.get(l, lse.size()), lse) < 1e-4);
    auto* g = card.make<gpu::Bf16>(qkv.size());
    auto* delta = card.make<float>(lse.size());
    stream.attend_backward({shape, x, r, count, 300, rows, o, l, card.put_bf16(dout), g, delta});
    CHECK(distance(card.get_bf16(g, qkv.size()), dqkv) < 3 * kBf16);
  }
}

TEST_CASE_METHOD(Fixture, "device: swiglu, embeddings, and rows that come back") {
  const uint32_t rows = 77, width = 128;
  const Floats gate_up = normals(size_t{rows} * 2 * width), dy = normals(size_t{rows} * width);
  Floats y(dy.size()), dgate_up = gate_up, y_again = dy;
  // The CPU's widths are multiples of 16: one more row of the same values would not show.
  const uint32_t wide = width;
  cpu.swiglu(gate_up.data(), rows, wide, y.data());
  cpu.swiglu_backward(dgate_up.data(), y_again.data(), rows, wide);
  CHECK(test::same_bits(y_again, y));
  auto* x = card.put_bf16(gate_up);
  auto* to = card.make<gpu::Bf16>(size_t{rows} * wide);
  stream.swiglu(x, rows, wide, to);
  auto* dy_then_y = card.put_bf16(dy);
  stream.swiglu_backward(x, dy_then_y, rows, wide);
  y.resize(size_t{rows} * wide);
  dgate_up.resize(size_t{rows} * 2 * wide);
  CHECK(distance(card.get_bf16(to, y.size()), y) < kBf16);
  CHECK(distance(card.get_bf16(x, dgate_up.size()), dgate_up) < kBf16);
  CHECK(test::same_bits(card.get_bf16(dy_then_y, y.size()), card.get_bf16(to, y.size())));

  const std::vector<int32_t> indices{5, 0, 76, 33};
  auto* picked = card.make<gpu::Bf16>(4 * wide);
  stream.gather_rows(to, card.put(indices), 4, wide, picked);
  auto* scattered = card.make<gpu::Bf16>(size_t{rows} * wide);
  stream.scatter_rows(picked, card.put(indices), 4, wide, scattered);
  const Floats all = card.get_bf16(to, y.size()), again = card.get_bf16(scattered, y.size());
  for (const int32_t i : indices)
    for (uint32_t c = 0; c < wide; ++c)
      CHECK(again[static_cast<size_t>(i) * wide + c] == all[static_cast<size_t>(i) * wide + c]);

  // Rows 0, 2, 3 have token 4; row 1 token 9.
  Floats table(10 * wide, 1.0f);
  auto* sums = card.put(table);
  stream.scatter_add_rows({picked, card.put(std::vector<int32_t>{4, 9}),
                           card.put(std::vector<uint32_t>{0, 3, 4}),
                           card.put(std::vector<uint32_t>{0, 2, 3, 1}), 2, wide, sums});
  const Floats added = card.get_bf16(picked, 4 * wide);
  for (uint32_t c = 0; c < wide; ++c) {
    table[4 * wide + c] += added[c] + added[2 * wide + c] + added[3 * wide + c];
    table[9 * wide + c] += added[wide + c];
  }
  CHECK(distance(card.get(sums, table.size()), table) < kFloat);
}

TEST_CASE_METHOD(Fixture, "device: AdamW's bits are the CPU's, its weights split; squares") {
  const uint32_t size = 70'000;
  const Floats g = test::normals(random, size);
  Floats w = test::normals(random, size), out(size);
  Floats m = test::normals(random, size), v = test::normals(random, size);
  for (float& x : v) x = x * x;
  // Ties, just below and just above, of both parities.
  for (uint32_t i = 0; i < 60; ++i)
    w[i] = std::bit_cast<float>(0x3f800000u + (i / 3 << 16) + 0x7fffu + i % 3);
  auto *dm = card.put(m), *dv = card.put(v), *dw = card.put(w), *dg = card.put(g);
  auto *high = card.make<gpu::Bf16>(size), *next = card.make<gpu::Bf16>(size);
  auto* low = card.make<uint16_t>(size);
  stream.split_floats(dw, size, high, low);
  stream.split_floats(dw, size, next, nullptr);
  const Floats rounded = card.get_bf16(high, size);
  CHECK(distance(rounded, w) < 3e-3);
  CHECK(test::same_bits(card.get_bf16(next, size), rounded));
  auto* joined = card.make<float>(size);
  stream.join_floats(high, low, size, joined);
  CHECK(test::same_bits(card.get(joined, size), w));

  const std::vector<gpu::on_device::ParameterTile> tiles{{0, 65'536, 1}, {65'536, 4'464, 0}};
  auto* t = card.put(tiles);
  auto* squares = card.make<double>(2);
  stream.squares({dg, t, 2, squares});
  const auto parts = card.get(squares, 2);
  double expected = 0;
  for (const float x : g) expected += double{x} * double{x};
  CHECK(std::abs(parts[0] + parts[1] - expected) < 1e-6 * expected);
  for (const bool in_place : {false, true}) {
    for (const auto& [offset, count, decays] : tiles)
      cpu.adamw({g.data() + offset, w.data() + offset, out.data() + offset, m.data() + offset,
                 v.data() + offset, count, 0.5f, 0.9f, 0.1f, 0.99f, 0.01f, decays ? 0.999f : 1.0f,
                 1e-2f, 1.3f, 1e-8f});
    auto* to = in_place ? high : next;
    stream.adamw({t, 2, dg, high, low, dm, dv, to, 0.5f, 0.9f, 0.1f, 0.99f, 0.01f, 0.999f, 1e-2f,
                  1.3f, 1e-8f});
    stream.join_floats(to, low, size, joined);
    CHECK(test::same_bits(card.get(joined, size), out));
    CHECK(test::same_bits(card.get(dm, size), m));
    CHECK(test::same_bits(card.get(dv, size), v));
    stream.copy(high, to, in_place ? 0 : size * sizeof(gpu::Bf16));
    w = out;
  }
}
