#include "sim/cluster/sim_compute.hpp"

#include <utility>

namespace thespis::sim {

SimCompute::SimCompute(World& world, uint32_t node, std::string name)
    : state_(std::make_shared<State>(State{world,
                                           node,
                                           world.node(node).lives,
                                           name,
                                           name != "checkpointer" && name != "weights",
                                           {},
                                           false})) {}

void SimCompute::post(std::function<void()> work, std::function<void()> done) {
  state_->jobs.push_back({std::move(work), std::move(done)});
  if (state_->busy) return;
  state_->busy = true;
  begin(state_);
}

void SimCompute::begin(const std::shared_ptr<State>& state) {
  // Not within the handler that posted it: work computes while its actor goes on.
  World& world = state->world;
  world.queue().at(world.now(), [&world, weak = std::weak_ptr(state)] {
    if (const auto mine = weak.lock())
      world.enter(mine->node, mine->life, [weak] { compute(weak); });
  });
}

void SimCompute::compute(const std::weak_ptr<State>& weak) {
  const auto state = weak.lock();
  if (!state) return;
  World& world = state->world;
  auto job = std::make_shared<Job>(std::move(state->jobs.front()));
  state->jobs.pop_front();
  const Nanoseconds begun = world.now();
  const Nanoseconds takes = duration(world.timed(state->node, job->work));
  job->work = nullptr;
  auto end = [&world, weak, job, begun] {
    const auto mine = weak.lock();
    if (!mine) return;
    world.enter(mine->node, mine->life, [weak, job, begun] { finish(weak, *job, begun); });
  };
  if (const auto& cores = world.node(state->node).cores; cores && state->is_engine)
    cores->run(env::seconds(takes), std::move(end));
  else
    world.queue().after(takes, std::move(end));
}

void SimCompute::finish(const std::weak_ptr<State>& weak, const Job& job, Nanoseconds begun) {
  const auto state = weak.lock();
  if (!state) return;
  World& world = state->world;
  const Nanoseconds took = world.now() - begun;
  world.note(state->node, Happened::kWork, static_cast<uint64_t>(took.count()));
  world.figures().busy_s[state->name] += env::seconds(took);
  world.trace().span(begun, world.now(), state->node, state->name);
  state->busy = !state->jobs.empty();
  if (state->busy) begin(state);
  job.done();
}

}  // namespace thespis::sim
