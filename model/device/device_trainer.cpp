#include "model/device/device_trainer.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "model/device/device_executor.hpp"
#include "model/device/device_layers.hpp"
#include "model/device/device_optimizer.hpp"
#include "model/engine/micro_batches.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

namespace {

/// The parts of the arena that are no product's weights.
std::vector<Shards::Range> between_matrices(const DeviceModel& model) {
  std::map<uint64_t, uint64_t> matrices = {{model.arena_size(), model.arena_size()}};
  for (const MatrixSpec& m : model.plan().matrices())
    matrices.emplace(m.offset, m.offset + uint64_t{m.outputs} * m.inputs);
  std::vector<Shards::Range> ranges;
  uint64_t end = 0;
  for (const auto& [first, last] : matrices) {
    if (first > end) ranges.push_back({end, first});
    end = last;
  }
  return ranges;
}

}  // namespace

struct DeviceTrainer::State {
  std::shared_ptr<DeviceModel> model;
  std::shared_ptr<const Policy> policy;
  TrainerLimits limits;
  Zero zero;
  DeviceGroup group;
  std::unique_ptr<gpu::DeviceStream> stream;
  DeviceExecutor executor;
  std::shared_ptr<DeviceOptimizer> optimizer;
  std::unique_ptr<DeviceLayers> layers;  // Where ranks share the weights.
  DeviceArray<float> lane, round;        // Gradients, where this rank adds up several lanes.
  DeviceBatchMemory memory;
  const std::vector<Shards::Range> others;
  std::vector<float> moments[2];

  State(std::shared_ptr<DeviceModel> on, std::shared_ptr<const Policy> initial,
        AdamWOptions options, TrainerLimits lims, uint32_t recomputed_layers, Zero shared,
        DeviceGroup with)
      : model(std::move(on)),
        policy(std::move(initial)),
        limits(lims),
        zero(shared),
        group(std::move(with)),
        stream(model->device()->make_stream()),
        executor(model, DeviceExecutor::Purpose::kTraining, *stream, trainer_batch(limits),
                 recomputed_layers),
        optimizer(std::make_shared<DeviceOptimizer>(model, *policy, options, zero, group, *stream)),
        memory(model->device()),
        others(between_matrices(*model)) {
    if (optimizer->shares_weights())
      layers = std::make_unique<DeviceLayers>(model, group, *optimizer, *stream);
  }

  std::string next_step() const { return "step " + std::to_string(optimizer->step_count() + 1); }

  /// Forward, loss and backward of one micro-batch; false if it scores nothing. With a `problem`
  /// what fails in a loss is told there and the walk goes on.
  bool run(std::span<const TrainItem> items, size_t first, size_t last, const LossGradient& loss,
           DeviceParameters& parameters, std::string* problem = nullptr) {
    WholeSequences sequences;
    for (size_t i = first; i < last; ++i) sequences.add(scored(items[i]));
    const Batch& batch = sequences.batch();
    if (batch.rows() == 0) return false;
    const DeviceBatch on_device = memory.upload(*stream, batch);
    gpu::on_device::ScatterAddArgs rows{};
    BatchLoss batch_loss(items, first, last, loss);
    std::vector<float> logprobs, entropies;
    const auto part_loss = [&](const DeviceExecutor::HeadRows& of) {
      // Here, since the card walks forward meanwhile.
      if (of.first == 0) rows = memory.upload(*stream, TokenRows::of(batch.tokens));
      logprobs.resize(of.count);
      entropies.resize(of.count);
      const size_t bytes = of.count * sizeof(float);
      stream->download(logprobs.data(), on_device.logprobs + of.first, bytes);
      stream->download(entropies.data(), on_device.entropies + of.first, bytes);
      group.wait(*stream, "log-probs of " + next_step());
      std::vector<float> dlogprobs(of.count);
      try {
        if (problem == nullptr || problem->empty())
          dlogprobs = batch_loss.next(logprobs, entropies);
      } catch (const Error& error) {
        if (problem == nullptr) throw;
        *problem = error.what();
      }
      stream->upload(memory.dlogprobs() + of.first, dlogprobs.data(), bytes);
    };
    executor.train(parameters, on_device, part_loss, memory.dlogprobs(), rows);
    return true;
  }

  /// The gradients of this rank's lanes, added in their order; its own lane of several ranks.
  void run_lanes(std::span<const TrainItem> items, const LossGradient& loss) {
    const auto first = split(items, limits);
    const size_t batches = first.size() - 1;
    float* const total = optimizer->gradient();
    const bool alone = group.ranks() == 1;
    if (alone && zero == Zero::kWeights) return run_rounds(items, first, loss);
    const auto weights = model->weights_of(*policy);
    const auto run_lane = [&](size_t l, float* gradient) {
      run_anew(items, first, l, limits.lanes, loss, *weights, gradient);
    };
    if (!alone) return run_lane(group.rank(), total);
    run_lane(0, total);
    for (size_t l = 1; l < std::min<size_t>(limits.lanes, batches); ++l) {
      run_lane(l, reserved(lane));
      add(lane.data(), total);
    }
  }

  /// All lanes of a round, round after round: what ranks that share the weights add up to.
  void run_rounds(std::span<const TrainItem> items, const std::vector<size_t>& first,
                  const LossGradient& loss) {
    const auto weights = model->weights_of(*policy);
    clear(optimizer->gradient(), {0, model->arena_size()});
    for (size_t b = 0; b + 1 < first.size(); ++b) {
      const bool begins = b % limits.lanes == 0;
      run_anew(items, first, b, first.size(), loss, *weights, reserved(begins ? round : lane));
      if (!begins) add(lane.data(), round.data());
      if ((b + 1) % limits.lanes == 0 || b + 2 == first.size())
        add(round.data(), optimizer->gradient());
    }
  }

  /// The own lane of each round, together with the other ranks. A loss that fails is told when the
  /// walk is over: the others wait for this rank's pieces until then.
  void run_layers(std::span<const TrainItem> items, const LossGradient& loss) {
    const auto first = split(items, limits);
    std::string problem;
    layers->begin(optimizer->gradient(), next_step());
    for (size_t b = group.rank(); b < first.size() - 1 + group.rank(); b += limits.lanes) {
      const bool has_rows =
          b + 1 < first.size() && run(items, first[b], first[b + 1], loss, *layers, &problem);
      if (!has_rows) layers->walk();
    }
    layers->end();
    if (!problem.empty()) throw Error(problem);
  }

  /// The gradient of micro-batches b, b + step, ...: products of the first set those of matrices.
  void run_anew(std::span<const TrainItem> items, const std::vector<size_t>& first, size_t b,
                size_t step, const LossGradient& loss, const DeviceWeights& weights,
                float* gradient) {
    for (const Shards::Range& range : others) clear(gradient, range);
    WholeParameters parameters(weights, gradient, false);
    for (; b + 1 < first.size(); b += step) run(items, first[b], first[b + 1], loss, parameters);
    if (!parameters.adds()) clear(gradient, {0, model->arena_size()});  // There were no rows.
  }
  void clear(float* gradient, const Shards::Range& range) {
    stream->zero(gradient + range.begin, range.size() * sizeof(float));
  }
  float* reserved(DeviceArray<float>& gradient) {
    gradient.reserve(model->device(), model->arena_size(), "gradients of a lane");
    return gradient.data();
  }
  void add(const float* gradient, float* sum) {
    stream->sum_lanes({{sum, gradient}, 2, model->arena_size(), sum});
  }

  /// Where one rank fails, all do, before they wait for each other's cards.
  void run_lanes_together(std::span<const TrainItem> items, const LossGradient& loss) {
    if (group.ranks() == 1) return run_lanes(items, loss);
    group.host->all_or_none([&] { layers ? run_layers(items, loss) : run_lanes(items, loss); },
                            "the end of " + next_step());
  }
};

DeviceTrainer::DeviceTrainer(std::shared_ptr<DeviceModel> model,
                             std::shared_ptr<const Policy> initial, AdamWOptions options,
                             TrainerLimits limits, Zero zero, DeviceGroup group,
                             uint32_t recomputed_layers) {
  check(limits);
  if (group.ranks() > 1 && limits.lanes != group.ranks())
    throw InputError("trainer limits: " + std::to_string(limits.lanes) + " lanes on " +
                     std::to_string(group.ranks()) + " cards: must be as many");
  state_ = std::make_unique<State>(std::move(model), std::move(initial), options, limits,
                                   recomputed_layers, zero, std::move(group));
}

DeviceTrainer::~DeviceTrainer() = default;

Trainer::StepStats DeviceTrainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                       double learning_rate) {
  const Trainer::StepStats stats = compute(items, loss, learning_rate);
  update(stats.grad_norm, learning_rate);
  return stats;
}

Trainer::StepStats DeviceTrainer::compute(std::span<const TrainItem> items,
                                          const LossGradient& loss, double learning_rate) {
  State& s = *state_;
  check_step(items, s.policy->config(), learning_rate);
  s.run_lanes_together(items, loss);
  Trainer::StepStats stats = step_stats(items, s.policy->plan());
  stats.grad_norm = s.optimizer->reduce();
  return stats;
}

void DeviceTrainer::update(double gradient_norm, double learning_rate) {
  State& s = *state_;
  auto made = s.optimizer->update(gradient_norm, learning_rate,
                                  can_leave_devices(s.policy) ? s.policy.get() : nullptr);
  Policy::OnDevices weights;
  if (made != nullptr) weights.emplace(s.model.get(), std::move(made));
  s.policy = std::make_shared<const Policy>(*s.policy, std::move(weights),
                                            fetch_weights({s.optimizer}, s.policy->config()),
                                            s.policy->version() + 1);
}

std::shared_ptr<const Policy> DeviceTrainer::policy() const {
  return state_->policy;
}
std::span<const float> DeviceTrainer::first_moment() const {
  state_->moments[0].resize(state_->model->arena_size());
  state_->optimizer->first_moment(state_->moments[0]);
  return state_->moments[0];
}
std::span<const float> DeviceTrainer::second_moment() const {
  state_->moments[1].resize(state_->model->arena_size());
  state_->optimizer->second_moment(state_->moments[1]);
  return state_->moments[1];
}
uint64_t DeviceTrainer::step_count() const {
  return state_->optimizer->step_count();
}
const std::shared_ptr<DeviceOptimizer>& DeviceTrainer::optimizer() const {
  return state_->optimizer;
}

void DeviceTrainer::restore(std::shared_ptr<const Policy> policy,
                            std::span<const float> first_moment,
                            std::span<const float> second_moment, uint64_t step_count) {
  check_same_model(*policy, *state_->policy);
  if (can_leave_devices(state_->policy) && policy != state_->policy)
    state_->policy->leave_device(*state_->model);
  state_->optimizer->restore(*policy, first_moment, second_moment, step_count);
  state_->policy = std::move(policy);
}

}  // namespace thespis::model
