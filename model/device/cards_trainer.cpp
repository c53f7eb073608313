#include "model/device/cards_trainer.hpp"

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "gpu/thread_pool.hpp"
#include "model/device/device_optimizer.hpp"
#include "model/device/device_trainer.hpp"
#include "model/engine/micro_batches.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

struct CardsTrainer::State {
  /// A card that samples: it takes part in the exchange of weights only.
  struct Receiver {
    std::shared_ptr<DeviceModel> model;
    std::unique_ptr<gpu::DeviceCommunicator> cards;
    std::unique_ptr<gpu::DeviceStream> stream;
    std::shared_ptr<const DeviceWeights> weights;  // Of the newest version.
  };

  Cards cards;
  gpu::ThreadPool threads;
  Zero zero;
  Hosts hosts;
  std::chrono::milliseconds deadline;
  std::vector<std::unique_ptr<DeviceTrainer>> ranks;
  std::vector<Receiver> receivers;
  std::vector<bool> samples;  // By member.
  std::shared_ptr<const Policy> policy;
  std::vector<float> moments[2];

  State(Cards on, std::shared_ptr<const Policy> initial, Zero shared, Hosts with,
        std::chrono::milliseconds longest)
      : cards(std::move(on)),
        threads(static_cast<unsigned>(cards.ranks.size() + cards.samplers.size())),
        zero(shared),
        hosts(std::move(with)),
        deadline(longest),
        ranks(cards.ranks.size()),
        receivers(cards.samplers.size()),
        samples(ranks.size() + receivers.size(), true),
        policy(std::move(initial)) {}

  /// Calls work(member) for the first `count` of them at once; throws the cause where any fails.
  void on_all(size_t count, const std::function<void(size_t)>& work) {
    std::vector<std::exception_ptr> failures(count);
    threads.parallel_for(count, [&](size_t i) {
      try {
        work(i);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
    collective::throw_cause(failures);
  }

  void join(const AdamWOptions& options, const TrainerLimits& limits) {
    const auto members = static_cast<uint32_t>(ranks.size() + receivers.size());
    if (zero == Zero::kWeights)
      for (size_t r = 0; r < ranks.size(); ++r) samples[r] = cards.ranks_sample.at(r);
    gpu::CommunicatorId id = {};
    if (members > 1) id = cards.ranks[0]->device()->make_communicator_id();
    on_all(members, [&](size_t i) {
      const auto& model = i < ranks.size() ? cards.ranks[i] : cards.samplers[i - ranks.size()];
      DeviceGroup with;
      std::unique_ptr<gpu::DeviceCommunicator> member;
      if (members > 1)
        member = model->device()->join(id, static_cast<uint32_t>(i), members, deadline);
      if (i < ranks.size()) {
        with.host = hosts[i];
        with.cards = std::move(member);
        with.samples = samples;
        ranks[i] = std::make_unique<DeviceTrainer>(model, policy, options, limits, zero,
                                                   std::move(with), cards.recomputed_layers);
      } else {
        receivers[i - ranks.size()] = {model, std::move(member), model->device()->make_stream(),
                                       nullptr};
      }
    });
  }

  /// All cards' weights of the present policy, if it can: the next version may take their place.
  void let_go() const {
    if (!can_leave_devices(policy)) return;
    for (const auto& model : cards.ranks) policy->leave_device(*model);
    for (const auto& model : cards.samplers) policy->leave_device(*model);
  }

  void receive(Receiver& receiver, const std::string& what) {
    DeviceArray<gpu::Bf16> arena = receiver.model->take_arena();
    share_weights(*receiver.stream, *receiver.cards, samples, ranks[0]->optimizer()->shards(),
                  nullptr, arena.data(), what);
    receiver.cards->wait(*receiver.stream, what);
    receiver.weights = std::make_shared<const DeviceWeights>(receiver.model, std::move(arena));
  }

  /// All shards of a moment, in an arena on the host.
  std::span<const float> gather(std::vector<float>& moment,
                                void (DeviceOptimizer::*download)(std::span<float>)) const {
    moment.resize(cards.ranks[0]->arena_size());
    for (const auto& rank : ranks) (*rank->optimizer().*download)(moment);
    return moment;
  }

  /// The ranks' newest weights as one policy.
  void gather_policy() {
    Policy::OnDevices weights;
    std::vector<std::shared_ptr<DeviceOptimizer>> optimizers;
    for (size_t r = 0; r < ranks.size(); ++r) {
      if (samples[r])
        weights.emplace(cards.ranks[r].get(), cards.ranks[r]->weights_of(*ranks[r]->policy()));
      optimizers.push_back(ranks[r]->optimizer());
    }
    for (Receiver& receiver : receivers)
      weights.emplace(receiver.model.get(), std::move(receiver.weights));
    policy = std::make_shared<const Policy>(*policy, std::move(weights),
                                            fetch_weights(optimizers, policy->config()),
                                            policy->version() + 1);
  }
};

CardsTrainer::CardsTrainer(Cards cards, std::shared_ptr<const Policy> initial, AdamWOptions options,
                           TrainerLimits limits, Zero zero, Hosts hosts,
                           std::chrono::milliseconds deadline) {
  limits.lanes = static_cast<uint32_t>(cards.ranks.size());
  check(limits);
  state_ = std::make_unique<State>(std::move(cards), std::move(initial), zero, std::move(hosts),
                                   deadline);
  state_->join(options, limits);
}

CardsTrainer::~CardsTrainer() = default;

Trainer::StepStats CardsTrainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                      double learning_rate) {
  State& s = *state_;
  std::vector<Trainer::StepStats> stats(s.ranks.size());
  s.on_all(s.ranks.size(),
           [&](size_t r) { stats[r] = s.ranks[r]->compute(items, loss, learning_rate); });
  s.let_go();
  // Made before the ranks count the step.
  const std::string what = "the weights of step " + std::to_string(step_count() + 1);
  s.on_all(s.ranks.size() + s.receivers.size(), [&](size_t i) {
    if (i < s.ranks.size())
      s.ranks[i]->update(stats[i].grad_norm, learning_rate);
    else
      s.receive(s.receivers[i - s.ranks.size()], what);
  });
  s.gather_policy();
  return stats[0];
}

std::shared_ptr<const Policy> CardsTrainer::policy() const {
  return state_->policy;
}

std::span<const float> CardsTrainer::first_moment() const {
  return state_->gather(state_->moments[0], &DeviceOptimizer::first_moment);
}

std::span<const float> CardsTrainer::second_moment() const {
  return state_->gather(state_->moments[1], &DeviceOptimizer::second_moment);
}

uint64_t CardsTrainer::step_count() const {
  return state_->ranks[0]->step_count();
}

void CardsTrainer::restore(std::shared_ptr<const Policy> policy,
                           std::span<const float> first_moment,
                           std::span<const float> second_moment, uint64_t step_count) {
  for (const auto& rank : state_->ranks)
    rank->restore(policy, first_moment, second_moment, step_count);
  state_->policy = std::move(policy);
}

}  // namespace thespis::model
