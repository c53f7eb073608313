// Training and decoding of one card, with random weights in the shapes of published models: tokens
// a second, as a share of the card's own limits (a large product, a large copy) measured in the
// same run. bench/peers/gpu_peer.py measures PyTorch on the same shapes.
//   bench_gpu [WHAT ...]   all without arguments; train, decode and bitwise go on with the model,
//                          decode with the number of sequences, train-7b with those at once:
//                          decode, decode-0.5b, decode-0.5b-64; step; limits

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/device_models.hpp"
#include "model/device/card_plan.hpp"
#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "runtime/base/error.hpp"

namespace {

using namespace thespis;
using namespace thespis::model;
using namespace thespis::model::bench;

/// A step of so many sequences, `micro` of them at a time.
void bench_training(const std::shared_ptr<gpu::Device>& device, const Limits& limits,
                    const char* name, uint32_t sequences, uint32_t length, uint32_t micro) {
  const Model m = make_model(device, name);
  CardUse use;
  use.trainer = {micro * length, 1};
  const CardPlan card = plan_card(m.policy->plan(), use, *device);
  if (!card.fits()) throw Error(std::string(name) + " " + card.refusal(use));
  DeviceTrainer trainer(m.on_device, m.policy, {}, *use.trainer, Zero::kOptimizer, {},
                        card.recomputed_layers);
  const auto items = train_items(sequences, length, m.config.vocab_size);
  double least = 1e9;
  Trainer::StepStats stats;
  for (int i = 0; i < 6; ++i) {
    const double begin = now();
    stats = trainer.step(items, kCrossEntropy, 1e-6);
    least = std::min(least, now() - begin);
  }
  std::printf(
      "train %-13s %3u x %4u, %2u at once  %8.0f tok/s  %7.1f ms  %5.1f %% of the product; %.1f "
      "GiB taken, %.1f planned, %u layers recomputed\n",
      name, sequences, length, micro, static_cast<double>(stats.tokens) / least, least * 1e3,
      100 * stats.flops / least / limits.flops,
      static_cast<double>(device->info().memory - device->info().memory_free) / 0x1p30,
      static_cast<double>(card.used()) / 0x1p30, card.recomputed_layers);
  std::fflush(stdout);
}

/// Time of a decode step at this context, if weights and keys are read once and products run at
/// the card's peak.
double roofline(const Model& m, const Limits& limits, double sequences, double context) {
  const Plan& plan = m.policy->plan();
  const double parameters = static_cast<double>(plan.matmul_parameters());
  const double products =
      std::max(2 * parameters / limits.bytes, 2 * parameters * sequences / limits.flops);
  const double kv = 4.0 * m.config.kv_head_count * m.config.head_dim * m.config.layer_count;
  return products + sequences * context * kv / limits.bytes;
}

double decode_seconds(const Model& m, uint32_t sequences, uint32_t prompt, uint32_t completion) {
  DeviceGenerator generator(m.on_device, m.policy,
                            {.slots = sequences, .context_max = prompt + completion});
  double least = 1e9;
  for (int round = 0; round < 2; ++round) {
    for (uint32_t i = 0; i < sequences; ++i) {
      SequenceRequest r;
      r.id = i;
      r.prompt = tokens_of(prompt, i, m.config.vocab_size);
      r.max_tokens = completion;
      r.random_stream = i;
      generator.add(std::move(r));
    }
    const double begin = now();
    while (generator.active_count() > 0) generator.step();
    least = std::min(least, now() - begin);
  }
  return least;
}

void bench_decode(const Model& m, const char* name, const Limits& limits, uint32_t sequences,
                  uint32_t prompt, uint32_t completion) {
  const double least = decode_seconds(m, sequences, prompt, completion);
  double ideal = 2.0 * static_cast<double>(m.policy->plan().matmul_parameters()) * sequences *
                 prompt / limits.flops;
  for (uint32_t t = 0; t < completion; ++t) ideal += roofline(m, limits, sequences, prompt + t);
  std::printf(
      "decode %-12s %3u x (%u + %4u)      %8.0f tok/s  %7.1f ms  %5.1f %% of the roofline\n", name,
      sequences, prompt, completion, sequences * completion / least, least * 1e3,
      100 * ideal / least);
  std::fflush(stdout);
}

/// What the row contract costs: the same decoding with products of any algorithm.
void bench_bitwise(const std::shared_ptr<gpu::Device>& device, const char* name,
                   const std::vector<uint32_t>& counts) {
  const auto free_device = gpu::open_device(0);
  free_device->take_any_products();
  const Model m = make_model(device, name);
  Model free = m;
  for (const uint32_t n : counts) {
    const double bitwise = decode_seconds(m, n, 128, 256);
    m.policy->leave_device(*m.on_device);
    free.on_device = DeviceModel::make(free_device, m.policy->shared_plan());
    const double any = decode_seconds(free, n, 128, 256);
    free.policy->leave_device(*free.on_device);
    std::printf("bitwise %-12s %3u x (128 + 256): %7.1f ms, any product %7.1f ms: costs %.1f %%\n",
                name, n, bitwise * 1e3, any * 1e3, 100 * (bitwise / any - 1));
    std::fflush(stdout);
  }
}

/// Sampling, reference and learning of one GRPO step on one card, one after another.
void bench_step(const std::shared_ptr<gpu::Device>& device, const Limits& limits) {
  constexpr uint32_t kPrompts = 32, kSamples = 16, kPrompt = 128, kCompletion = 512;
  const Model m = make_model(device, "qwen2.5-0.5b");
  DeviceTrainer trainer(m.on_device, m.policy, {}, {16384, 1});
  DeviceScorer scorer(m.on_device);
  DeviceGenerator generator(m.on_device, m.policy,
                            {.slots = 512, .context_max = kPrompt + kCompletion});
  double sampling = 0, reference = 0, learning = 0, flops = 0;
  uint64_t mismatches = 0, compared = 0;
  // The last counts: the first chooses products, and its step has the reference's weights leave the
  // card, which the second brings back.
  for (int round = 0; round < 3; ++round) {
    generator.install(trainer.policy());
    std::vector<TrainItem> items(kPrompts * kSamples);
    std::vector<std::vector<float>> sampled(items.size());
    double begin = now();
    for (uint32_t i = 0; i < items.size(); ++i) {
      SequenceRequest r;
      r.id = i;
      r.prompt = items[i].prompt = tokens_of(kPrompt, i / kSamples, m.config.vocab_size);
      r.max_tokens = kCompletion;
      r.random_stream = i / kSamples;
      r.random_sample = i % kSamples;
      generator.add(std::move(r));
    }
    while (generator.active_count() > 0)
      for (FinishedSequence& f : generator.step()) {
        items[f.id].completion = std::move(f.tokens);
        sampled[f.id] = std::move(f.logprobs);
      }
    sampling = now() - begin;
    begin = now();
    std::vector<ScoreItem> scored;
    for (const TrainItem& item : items) scored.push_back({item.prompt, item.completion, 1});
    scorer.score(*m.policy, scored);
    reference = now() - begin;
    begin = now();
    mismatches = compared = 0;
    const auto stats = trainer.step(
        items,
        [&](const ScoredTokens& known, std::span<float> g) {
          const float* const recorded = sampled[known.item].data() + known.first;
          for (size_t t = 0; t < g.size(); ++t) {
            mismatches += std::memcmp(&known.logprobs[t], recorded + t, sizeof(float)) != 0;
            g[t] = -1e-6f;
          }
          compared += g.size();
        },
        1e-6);
    learning = now() - begin;
    flops = stats.flops;
  }
  double ideal = 2.0 * static_cast<double>(m.policy->plan().matmul_parameters()) * kPrompts *
                 kPrompt / limits.flops;
  for (uint32_t t = 0; t < kCompletion; ++t)
    ideal += roofline(m, limits, kPrompts * kSamples, kPrompt + t);
  const double floor = ideal + flops / 3 / limits.flops + flops / limits.flops;
  std::printf(
      "step qwen2.5-0.5b 32 x 16 x 512: sampling %.2f s, reference %.2f s, learning %.2f s; "
      "%.1f %% of the limits' sum; %lu log-probs compared, %lu mismatches\n",
      sampling, reference, learning, 100 * floor / (sampling + reference + learning),
      static_cast<unsigned long>(compared), static_cast<unsigned long>(mismatches));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const auto wanted = [&](const std::string& what) {
    const auto names = [&](const std::string& asked) {
      return what == asked || what.starts_with(asked + "-") || asked.starts_with(what + "-");
    };
    return argc == 1 || std::any_of(argv + 1, argv + argc, names);
  };
  try {
    const auto device = gpu::open_device(0);
    const Limits limits = measure_limits(device);
    std::printf("%s: product %.0f TFLOP/s, copy %.0f GB/s\n", device->info().name.c_str(),
                limits.flops / 1e12, limits.bytes / 1e9);
    if (wanted("train-0.5b")) bench_training(device, limits, "qwen2.5-0.5b", 16, 1024, 16);
    if (wanted("train-1.5b")) bench_training(device, limits, "qwen2.5-1.5b", 8, 1024, 8);
    // A whole step at once leaves no room for most layers' activations, half of it does.
    for (const uint32_t micro : {4, 2})
      if (wanted("train-7b-" + std::to_string(micro)))
        bench_training(device, limits, "qwen2.5-7b", 4, 4096, micro);
    const auto decode = [&](const std::string& size, std::vector<uint32_t> counts,
                            uint32_t completion) {
      if (!wanted("decode-" + size)) return;
      const Model m = make_model(device, ("qwen2.5-" + size).c_str());
      for (const uint32_t n : counts)
        if (wanted("decode-" + size + "-" + std::to_string(n)))
          bench_decode(m, ("qwen2.5-" + size).c_str(), limits, n, 128, completion);
    };
    decode("0.5b", {64, 256, 512}, 256);
    decode("1.5b", {128, 256}, 1024);
    decode("7b", {128, 256}, 1024);
    if (wanted("bitwise-0.5b")) bench_bitwise(device, "qwen2.5-0.5b", {64, 256});
    if (wanted("bitwise-1.5b")) bench_bitwise(device, "qwen2.5-1.5b", {128, 256});
    if (wanted("bitwise-7b")) bench_bitwise(device, "qwen2.5-7b", {128, 256});
    if (wanted("step")) bench_step(device, limits);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_gpu: %s\n", error.what());
    return 2;
  }
  return 0;
}
