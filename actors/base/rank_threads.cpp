#include "actors/base/rank_threads.hpp"

#include <exception>
#include <latch>
#include <string>
#include <utility>

namespace thespis {

RankThreads::RankThreads(std::vector<std::unique_ptr<Trainer>> ranks) : ranks_(std::move(ranks)) {
  for (size_t r = 1; r < ranks_.size(); ++r)
    threads_.push_back(std::make_unique<env::ComputeThread>("rank " + std::to_string(r)));
}

void RankThreads::on_all(const std::function<void(uint32_t rank)>& work) const {
  std::vector<std::exception_ptr> failures(ranks_.size());
  const auto run = [&](uint32_t r) {
    try {
      work(r);
    } catch (...) {
      failures[r] = std::current_exception();
    }
  };
  std::latch others(static_cast<ptrdiff_t>(threads_.size()));
  for (uint32_t r = 1; r < ranks_.size(); ++r)
    threads_[r - 1]->post([&run, r] { run(r); }, [&others] { others.count_down(); });
  run(0);
  others.wait();
  collective::throw_cause(failures);
}

model::Trainer::StepStats RankThreads::step(std::span<const model::TrainItem> items,
                                            const model::LossGradient& loss, double learning_rate) {
  model::Trainer::StepStats stats;
  on_all([&](uint32_t r) {
    const auto of_rank = ranks_[r]->step(items, loss, learning_rate);
    if (r == 0) stats = of_rank;
  });
  return stats;
}

std::span<const float> RankThreads::first_moment() const {
  std::span<const float> whole;
  on_all([&](uint32_t r) {
    const auto moment = ranks_[r]->first_moment();
    if (r == 0) whole = moment;
  });
  return whole;
}

std::span<const float> RankThreads::second_moment() const {
  std::span<const float> whole;
  on_all([&](uint32_t r) {
    const auto moment = ranks_[r]->second_moment();
    if (r == 0) whole = moment;
  });
  return whole;
}

void RankThreads::restore(std::shared_ptr<const model::Policy> policy,
                          std::span<const float> first_moment, std::span<const float> second_moment,
                          uint64_t step_count) {
  on_all([&](uint32_t r) { ranks_[r]->restore(policy, first_moment, second_moment, step_count); });
}

void RankThreads::gather_items(std::span<std::byte> records) {
  // All of these ranks filled in `records`; what comes from elsewhere is written by the first.
  std::vector<std::vector<std::byte>> copies(ranks_.size());
  for (size_t r = 1; r < ranks_.size(); ++r) copies[r].assign(records.begin(), records.end());
  on_all([&](uint32_t r) { ranks_[r]->gather_items(r == 0 ? records : copies[r]); });
}

void RankThreads::broadcast(std::span<std::byte> bytes) {
  std::vector<std::vector<std::byte>> copies(ranks_.size());
  for (size_t r = 1; r < ranks_.size(); ++r) copies[r].resize(bytes.size());
  on_all([&](uint32_t r) { ranks_[r]->broadcast(r == 0 ? bytes : copies[r]); });
}

}  // namespace thespis
