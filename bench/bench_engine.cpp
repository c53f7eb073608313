// Training and decoding speed of the CPU engine as a share of the machine's matrix-product peak,
// which is measured in the same run. Wall times are the best of several short windows, for the
// machine may be shared; "busy share" divides by processor time instead.

#include <cstdio>
#include <ctime>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "gpu/ops.hpp"
#include "model/engine/generator.hpp"
#include "model/engine/plan.hpp"
#include "model/engine/trainer.hpp"
#include "runtime/env/random.hpp"

namespace {

using namespace thespis;

double seconds_of(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// `windows` calls: the quickest in wall seconds, the mean in processor seconds (the kernel may
/// count those in ticks, so that the least of many short windows would be too small).
struct Windows {
  double wall = std::numeric_limits<double>::infinity();
  double busy = 0;
};
Windows time_of(int windows, const std::function<void()>& work) {
  Windows time;
  const double busy = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < windows; ++i) {
    const double wall = seconds_of(CLOCK_MONOTONIC);
    work();
    time.wall = std::min(time.wall, seconds_of(CLOCK_MONOTONIC) - wall);
  }
  time.busy = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - busy) / windows;
  return time;
}

/// GFLOP/s of products that stay in a core's own cache, on all threads of the pool: wall and per
/// busy core.
struct Peak {
  double wall, busy_core;
};
Peak measure_peak(gpu::ThreadPool& pool) {
  const gpu::Ops& ops = gpu::cpu_ops();
  constexpr uint32_t kRows = 96, kSize = 256, kRepeats = 64;
  struct Buffers {
    model::FloatArena x{kRows * kSize}, w{kSize * kSize}, panels{kSize * kSize}, y{kRows * kSize};
  };
  std::vector<Buffers> buffers(pool.thread_count());
  for (Buffers& b : buffers) {
    for (float& v : b.x.span()) v = 0.5f;
    for (float& v : b.w.span()) v = 0.25f;
    ops.pack({b.w.data(), kSize, kSize, false, b.panels.data()});
  }
  const Windows time = time_of(60, [&] {
    pool.parallel_for(buffers.size(), [&](size_t i) {
      Buffers& b = buffers[i];
      for (uint32_t r = 0; r < kRepeats; ++r)
        ops.linear({.x = b.x.data(),
                    .rows = kRows,
                    .x_stride = kSize,
                    .panels = b.panels.data(),
                    .outputs = kSize,
                    .inputs = kSize,
                    .bias = nullptr,
                    .residual = nullptr,
                    .y = b.y.data(),
                    .y_stride = kSize});
    });
  });
  const double flops = 2.0 * kRows * kSize * kSize * kRepeats * static_cast<double>(buffers.size());
  return {flops / time.wall * 1e-9, flops / time.busy * 1e-9};
}

struct Model {
  std::string name;
  model::ModelConfig config;
  uint32_t train_tokens, windows;
};

Model make_model(std::string name, uint32_t hidden, uint32_t layers, uint32_t heads,
                 uint32_t kv_heads, uint32_t head_dim, uint32_t ffn, uint32_t vocab,
                 uint32_t train_tokens, uint32_t windows) {
  model::ModelConfig c;
  c.vocab_size = vocab;
  c.hidden_size = hidden;
  c.layer_count = layers;
  c.head_count = heads;
  c.kv_head_count = kv_heads;
  c.head_dim = head_dim;
  c.ffn_size = ffn;
  c.context_max = 512;
  return {std::move(name), c, train_tokens, windows};
}

std::vector<int32_t> tokens_of(env::KeyedRandom& random, uint32_t count, uint32_t vocab) {
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(vocab));
  return tokens;
}

void print(const std::string& model, const std::string& what, double tokens, double flops,
           Windows time, const Peak& peak) {
  std::printf("| %-12s | %-22s | %10.0f | %8.1f | %7.0f %% | %7.0f %% |\n", model.c_str(),
              what.c_str(), tokens / time.wall, flops / time.wall * 1e-9,
              100 * flops / time.wall * 1e-9 / peak.wall,
              100 * flops / time.busy * 1e-9 / peak.busy_core);
  std::fflush(stdout);
}

void bench_training(const Model& m, gpu::ThreadPool& pool, const Peak& peak) {
  constexpr uint32_t kPrompt = 64, kCompletion = 192;
  const auto policy = std::make_shared<const model::Policy>(
      std::make_shared<const model::Weights>(model::init_weights(m.config, 1)), 0);
  model::Trainer trainer(policy, {}, {}, pool);
  env::KeyedRandom random(1, env::Purpose::kData, 0);
  std::vector<model::TrainItem> items;
  for (uint32_t n = 0; n < m.train_tokens; n += kPrompt + kCompletion)
    items.push_back({tokens_of(random, kPrompt, m.config.vocab_size),
                     tokens_of(random, kCompletion, m.config.vocab_size), 1.0f});
  model::Trainer::StepStats stats;
  const auto step = [&] {
    stats = trainer.step(
        items,
        [](const model::ScoredTokens&, std::span<float> g) {
          for (float& x : g) x = -1e-3f;
        },
        1e-4);
  };
  step();
  const Windows time = time_of(static_cast<int>(m.windows), step);
  print(m.name, "train, " + std::to_string(pool.thread_count()) + " threads",
        static_cast<double>(stats.tokens), stats.flops, time, peak);
}

void bench_decode(const Model& m, uint32_t batch, gpu::ThreadPool& pool, const Peak& peak) {
  constexpr uint32_t kPrompt = 64, kSteps = 48, kWindow = 4;
  const auto policy = std::make_shared<const model::Policy>(
      std::make_shared<const model::Weights>(model::init_weights(m.config, 1)), 0);
  model::Generator generator(policy, {.slots = batch, .context_max = 512}, pool);
  env::KeyedRandom random(1, env::Purpose::kData, 1);
  for (uint32_t i = 0; i < batch; ++i)
    generator.add({.id = i,
                   .prompt = tokens_of(random, kPrompt, m.config.vocab_size),
                   .stop_tokens = {},
                   .max_tokens = kSteps + 8,
                   .temperature = 1.0f,
                   .random_seed = 1,
                   .random_stream = 0,
                   .random_sample = i});
  generator.step();
  const Windows time = time_of(kSteps / kWindow, [&] {
    for (uint32_t i = 0; i < kWindow; ++i) generator.step();
  });
  const double context = kPrompt + kSteps / 2;  // The mean: windows differ by little.
  const double flops_per_token =
      2.0 * static_cast<double>(policy->plan().matmul_parameters()) +
      4.0 * m.config.layer_count * m.config.head_count * m.config.head_dim * context;
  print(m.name, "decode, batch " + std::to_string(batch), kWindow * batch,
        kWindow * batch * flops_per_token, time, peak);
}

}  // namespace

int main() {
  const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  gpu::ThreadPool one(1), all(threads);
  const Peak peak_one = measure_peak(one);
  const Peak peak_all = measure_peak(all);
  std::printf("CPU table %s; matrix-product peak: %.1f GFLOP/s on 1 thread, %.1f on %u.\n",
              gpu::cpu_ops().name, peak_one.wall, peak_all.wall, threads);
  std::printf(
      "FLOPs: training 6 x matmul parameters (the head for scored tokens) + attention; decode 2 "
      "x.\n\n");
  std::printf(
      "| model        | what                   |   tokens/s |  GFLOP/s |  of peak | busy share "
      "|\n");
  std::printf(
      "|--------------|------------------------|-----------:|---------:|---------:|----------:|\n");
  const Model models[] = {
      make_model("tiny, 1.2M", 128, 6, 4, 2, 32, 384, 100, 8192, 8),
      make_model("5M", 256, 4, 4, 2, 64, 704, 4096, 8192, 4),  // Measured of llama.cpp and llm.c.
      make_model("25M", 512, 8, 8, 4, 64, 1408, 1024, 8192, 3),
  };
  for (const Model& m : models) {
    bench_training(m, one, peak_one);
    bench_training(m, all, peak_all);
    for (const uint32_t batch : {1u, 8u, 32u, 128u}) bench_decode(m, batch, all, peak_all);
  }
  return 0;
}
