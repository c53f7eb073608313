// Several cards of one host: what the exchange between them carries, how training on n cards
// (ZeRO-1, the same tokens on each) compares with one, and what it costs that a card which only
// samples gets every version. Needs two cards or more.
//   bench_cards [MODEL ...]   qwen2.5-0.5b and qwen2.5-1.5b without arguments

#include <cstdio>
#include <string>
#include <vector>

#include "bench/device_models.hpp"
#include "gpu/thread_pool.hpp"
#include "model/device/cards_trainer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/collective/thread_group.hpp"

namespace {

using namespace thespis;
using namespace thespis::model;
using namespace thespis::model::bench;
using Devices = std::vector<std::shared_ptr<gpu::Device>>;

constexpr uint32_t kSequences = 16, kLength = 1024;  // On each card.

Devices all_cards() {
  Devices devices{gpu::open_device(0)};
  try {
    for (;;) devices.push_back(gpu::open_device(static_cast<uint32_t>(devices.size())));
  } catch (const InputError&) {  // There are no more.
  }
  return devices;
}

/// Each card sends 1 GiB to each other.
void bench_exchange(const Devices& devices) {
  constexpr size_t kBytes = size_t{1} << 30;
  const auto count = static_cast<uint32_t>(devices.size());
  const auto id = devices[0]->make_communicator_id();
  std::vector<double> least(count, 1e9), taken(count);
  gpu::ThreadPool threads(count);
  threads.parallel_for(count, [&](size_t i) {
    const auto rank = static_cast<uint32_t>(i);
    const uint64_t free_before = devices[i]->info().memory_free;
    const auto member = devices[i]->join(id, rank, count, std::chrono::seconds(60));
    const auto stream = devices[i]->make_stream();
    DeviceArray<uint8_t> from(devices[i], kBytes, "a piece"),
        to(devices[i], kBytes * count, "pieces");
    for (int round = 0; round < 5; ++round) {
      std::vector<gpu::SentPiece> send(count, {from.data(), kBytes});
      std::vector<gpu::ReceivedPiece> receive;
      for (uint32_t r = 0; r < count; ++r) receive.push_back({to.data() + r * kBytes, kBytes});
      send[rank].bytes = receive[rank].bytes = 0;
      member->exchange(*stream, send, receive, "an exchange");  // All are there after the first.
      const double begin = now();
      member->wait(*stream, "an exchange");
      if (round > 0) least[i] = std::min(least[i], now() - begin);
    }
    taken[i] = static_cast<double>(free_before - devices[i]->info().memory_free) -
               static_cast<double>(from.bytes() + to.bytes());
  });
  std::printf(
      "exchange between %u cards: %.0f GB/s out of each, and as many in; it takes %.2f GiB "
      "of each\n",
      count, static_cast<double>(kBytes) * (count - 1) / least[0] / 1e9,
      *std::max_element(taken.begin(), taken.end()) / 0x1p30);
}

/// Seconds of a step, the best of six; `learners` ranks and `samplers` cards that only receive.
double step_seconds(const char* name, const Devices& devices, uint32_t learners, uint32_t samplers,
                    Zero zero = Zero::kOptimizer) {
  const Model first = make_model(devices[0], name);
  Cards cards{{first.on_device}, {}};
  for (uint32_t i = 1; i < learners + samplers; ++i)
    (i < learners ? cards.ranks : cards.samplers)
        .push_back(DeviceModel::make(devices[i], first.policy->shared_plan()));
  const collective::ThreadGroup group(learners, {});
  CardsTrainer::Hosts hosts;
  for (uint32_t r = 0; r < learners; ++r) hosts.push_back(group.rank(r));
  cards.ranks_sample.assign(learners, false);
  CardsTrainer trainer(std::move(cards), first.policy, {}, {kSequences * kLength, 1}, zero, hosts,
                       std::chrono::seconds(60));
  const auto items = train_items(kSequences * learners, kLength, first.config.vocab_size);
  double least = 1e9;
  for (int i = 0; i < 6; ++i) {
    const double begin = now();
    trainer.step(items, kCrossEntropy, 1e-6);
    least = std::min(least, now() - begin);
  }
  return least;
}

void bench_training(const char* name, const Devices& devices) {
  const auto count = static_cast<uint32_t>(devices.size());
  const double one = step_seconds(name, devices, 1, 0);
  std::printf("train %s on 1 card: %.1f ms a step of %u x %u tokens\n", name, one * 1e3, kSequences,
              kLength);
  for (uint32_t n = 2; n <= count; n *= 2) {
    const double several = step_seconds(name, devices, n, 0);
    std::printf(
        "train %s on %u cards: %.1f ms a step of %u times the tokens: %.1f %% of %u times "
        "one card's speed\n",
        name, n, several * 1e3, n, 100 * one / several, n);
  }
  for (uint32_t n = 2; n <= count; n *= 2) {
    const double several = step_seconds(name, devices, n, 0, Zero::kWeights);
    std::printf("train %s on %u cards, weights shared (ZeRO-3): %.1f ms: %.1f %%\n", name, n,
                several * 1e3, 100 * one / several);
  }
  const double published = step_seconds(name, devices, 1, 1);
  std::printf("train %s on 1 card, another gets each version: %.1f ms a step (%+.1f %%)\n", name,
              published * 1e3, 100 * (published / one - 1));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Devices devices = all_cards();
    if (devices.size() < 2) throw InputError("there is one card only");
    bench_exchange(devices);
    if (argc == 1)
      for (const char* name : {"qwen2.5-0.5b", "qwen2.5-1.5b"}) bench_training(name, devices);
    for (int i = 1; i < argc; ++i) bench_training(argv[i], devices);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_cards: %s\n", error.what());
    return 2;
  }
  return 0;
}
