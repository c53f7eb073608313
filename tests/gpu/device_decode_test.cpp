// What decoding has of its own on a device: gated products, and attention that finishes its rows.
// Each against the operations that do the same one after another, to the bit: the sampler takes the
// one way, the learner the other.

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <thread>

#include "gpu/device_sizes.hpp"
#include "tests/gpu/arrays.hpp"
#include "tests/support/card.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using test::Floats;

namespace {

struct Fixture {
  std::shared_ptr<gpu::Device> device = test::card();
  test::CardMemory card{device};
  gpu::DeviceStream& stream = card.stream();
  env::KeyedRandom random{test::seed(), env::Purpose::kData, 52};

  gpu::Bf16* normals(size_t count) { return card.put_bf16(test::normals(random, count, 1)); }
};

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "device: a product of few rows has the bits of one of many, gated or not") {
  // K beyond what a block of threads has under way, outputs that fill no last tile, odd rows.
  for (const auto& [outputs, inputs] : {std::pair{136u, 128u}, {512u, 896u}, {72u, 2432u}}) {
    const uint32_t most = 1100;
    auto *x = normals(size_t{most} * inputs), *w = normals(size_t{2} * outputs * inputs);
    auto* residual = normals(size_t{most} * outputs);
    auto *all = card.make<gpu::Bf16>(size_t{most} * outputs),
         *gate_up = card.make<gpu::Bf16>(size_t{most} * 2 * outputs),
         *gated = card.make<gpu::Bf16>(size_t{most} * outputs);
    stream.linear({x, most, w, outputs, inputs, residual, all, nullptr, outputs});
    stream.linear({x, most, w, 2 * outputs, inputs, nullptr, gate_up, nullptr, 2 * outputs});
    stream.swiglu(gate_up, most, outputs, gated);
    for (const uint32_t rows : {1u, 16u, 17u, 64u, 100u, 512u, most}) {
      CAPTURE(outputs, inputs, rows);
      const size_t size = size_t{rows} * outputs;
      auto *y = card.make<gpu::Bf16>(size), *scratch = card.make<gpu::Bf16>(2 * size);
      stream.linear({x, rows, w, outputs, inputs, residual, y, nullptr, outputs});
      CHECK(test::same_bits(card.get_bf16(y, size), card.get_bf16(all, size)));
      stream.gated_linear({x, rows, w, outputs, inputs, scratch, y});
      CHECK(test::same_bits(card.get_bf16(y, size), card.get_bf16(gated, size)));
    }
  }
}

TEST_CASE_METHOD(Fixture, "device: threads may each start products of few rows on one card") {
  // A kernel needs as much shared memory as its product is deep, up to a bound: sampler and scorer
  // start the same one with different sizes.
  struct Product {
    uint32_t outputs, inputs;
    const gpu::Bf16 *x, *w;
    Floats y;
  };
  constexpr uint32_t kRows = 16;
  std::vector<Product> products;
  for (const uint32_t outputs : {64u, 640u}) {
    for (const uint32_t inputs : {384u, 768u, 1536u}) {
      Product& p = products.emplace_back(
          Product{outputs, inputs, normals(kRows * inputs), normals(size_t{outputs} * inputs), {}});
      auto* const y = card.make<gpu::Bf16>(kRows * outputs);
      stream.linear({p.x, kRows, p.w, outputs, inputs, nullptr, y, nullptr, outputs});
      p.y = card.get_bf16(y, kRows * outputs);
    }
  }
  std::vector<std::thread> threads;
  std::array<std::string, 2> errors;
  std::array<size_t, 2> differing = {};
  for (size_t t = 0; t < errors.size(); ++t) {
    threads.emplace_back([&, t] {
      try {
        test::CardMemory own(device);
        std::vector<gpu::Bf16*> outs;
        for (const Product& p : products) outs.push_back(own.make<gpu::Bf16>(kRows * p.outputs));
        for (size_t round = 0; round < 500; ++round) {
          for (size_t i = 0; i < products.size(); ++i) {
            const Product& p = products[i];
            own.stream().linear(
                {p.x, kRows, p.w, p.outputs, p.inputs, nullptr, outs[i], nullptr, p.outputs});
          }
        }
        for (size_t i = 0; i < products.size(); ++i)
          if (!test::same_bits(own.get_bf16(outs[i], kRows * products[i].outputs), products[i].y))
            ++differing[t];
      } catch (const std::exception& e) {
        errors[t] = e.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(errors == std::array<std::string, 2>{});
  CHECK(differing == std::array<size_t, 2>{});
}

TEST_CASE_METHOD(Fixture, "device: attention finishes single rows as the passes before it would") {
  for (const auto& [shape, norms] : {std::pair{gpu::AttendShape{4, 2, 16}, false},
                                     {{3, 3, 32}, true},
                                     {{14, 2, 64}, false},
                                     {{12, 2, 128}, false},
                                     {{16, 1, 128}, true}}) {
    CAPTURE(shape.heads, shape.head_dim, norms);
    const std::vector<uint32_t> lengths{1, 15, 64, 65, 256, 257, 700, 1300};
    const uint32_t d = shape.head_dim, count = static_cast<uint32_t>(lengths.size());
    const uint32_t rows = std::accumulate(lengths.begin(), lengths.end(), 0u);
    const uint32_t stride = 1300 / gpu::kPageTokens + 1;
    std::vector<gpu::DeviceRun> whole, single;
    std::vector<uint32_t> positions, row_sequences, table(size_t{count} * stride), last;
    uint32_t pages = 0;
    for (uint32_t i = 0, first = 0; i < count; first += lengths[i++]) {
      whole.push_back({first, lengths[i], 0, i});
      single.push_back({i, 1, lengths[i] - 1, i});
      last.push_back(first + lengths[i] - 1);
      for (uint32_t p = 0; p * gpu::kPageTokens < lengths[i]; ++p)
        table[i * stride + p] = pages++ * 7 % 211;  // 211 is prime: each page once.
      for (uint32_t r = 0; r < lengths[i]; ++r) {
        positions.push_back(r);
        row_sequences.push_back(i);
      }
    }
    REQUIRE(pages <= 211);
    const size_t width = shape.qkv_size(), page_size = 211 * shape.page_floats();
    auto* in = normals(rows * width);
    auto *finished = card.make<gpu::Bf16>(rows * width), *kv = card.make<gpu::Bf16>(page_size);
    const gpu::on_device::FinishQkvArgs finish{shape,
                                               in,
                                               finished,
                                               rows,
                                               norms ? nullptr : normals(width),
                                               norms ? normals(d) : nullptr,
                                               norms ? normals(d) : nullptr,
                                               1e-6f,
                                               card.put(positions),
                                               card.put(test::normals(random, size_t{1300} * d, 1)),
                                               {kv, card.put(table), stride},
                                               card.put(row_sequences)};
    stream.finish_qkv(finish);
    const size_t out_size = size_t{rows} * shape.q_size();
    auto* out = card.make<gpu::Bf16>(out_size);
    auto* scratch =
        card.put(std::vector<uint8_t>(gpu::attend_scratch_bytes(shape, count, 1300), 0));
    stream.attend(
        {shape, finished, card.put(whole), count, 1300, 1300, finish.pages, out, nullptr, scratch});
    const auto expected = card.get(out, out_size), pages_expected = card.get(kv, page_size);

    // Each sequence's last row alone; its key and value are not in the pages.
    auto* one_in = card.make<gpu::Bf16>(count * width);
    std::vector<uint32_t> one_positions, one_rows;
    std::vector<gpu::Bf16> without = pages_expected;
    for (uint32_t i = 0; i < count; ++i) {
      stream.copy(one_in + i * width, in + last[i] * width, width * sizeof(gpu::Bf16));
      one_positions.push_back(lengths[i] - 1);
      one_rows.push_back(i);
      const uint32_t page = table[i * stride + (lengths[i] - 1) / gpu::kPageTokens];
      for (uint32_t tile = 0; tile < 2 * shape.kv_heads; ++tile)
        for (uint32_t c = 0; c < d; ++c)
          without[((size_t{page} * 2 * shape.kv_heads + tile) * gpu::kPageTokens +
                   (lengths[i] - 1) % gpu::kPageTokens) *
                      d +
                  c] = {0xffff};
    }
    auto* one_kv = card.put(without);
    auto one = finish;
    one.in = one_in;
    one.out = nullptr;
    one.rows = count;
    one.positions = card.put(one_positions);
    one.table_rows = card.put(one_rows);
    one.pages.base = one_kv;
    auto* one_out = card.make<gpu::Bf16>(size_t{count} * shape.q_size());
    gpu::on_device::AttendArgs a{shape, nullptr,   card.put(single), count,   1,
                                 4096,  one.pages, one_out,          nullptr, scratch};
    a.unfinished = &one;
    REQUIRE(gpu::on_device::attend_finishes(shape, 1, true));
    const size_t big = gpu::attend_scratch_bytes(shape, count, 4096);
    a.scratch = card.put(std::vector<uint8_t>(big, 0));
    stream.attend(a);
    const auto got = card.get(one_out, size_t{count} * shape.q_size());
    bool same = true;
    for (uint32_t i = 0; i < count; ++i)
      for (uint32_t c = 0; c < shape.q_size(); ++c)
        same = same && got[size_t{i} * shape.q_size() + c].bits ==
                           expected[size_t{last[i]} * shape.q_size() + c].bits;
    CHECK(same);
    const auto pages_got = card.get(one_kv, page_size);
    bool stored = true;
    for (size_t i = 0; i < page_size; ++i)
      stored = stored && pages_got[i].bits == pages_expected[i].bits;
    CHECK(stored);
  }
}
