#include "sim/cluster/worker_process.hpp"

#include <utility>

#include "actors/front/worker_link_actor.hpp"
#include "model/hf/hf_config.hpp"
#include "runtime/config/load.hpp"
#include "sim/cluster/judges.hpp"
#include "sim/engine/sim_weights.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {
namespace {

/// Asks the run what it is; then waits for the end of a link, which is the end of the process, as
/// app/node.cpp does.
class JoinerActor : public caf::event_based_actor {
 public:
  using Describe = std::function<std::vector<caf::actor>(const wire::RunDescription::Reader&)>;
  JoinerActor(caf::actor_config& config, caf::actor front, Describe describe,
              std::function<void()> end)
      : caf::event_based_actor(config),
        front_(std::move(front)),
        describe_(std::move(describe)),
        end_(std::move(end)) {
    set_down_handler([this](caf::down_msg& down) {
      std::erase_if(links_, [&](const caf::actor& link) { return link == down.source; });
      for (const auto& link : links_) send(link, leave_atom::value);
      if (links_.empty()) end_();
    });
  }

 protected:
  caf::behavior make_behavior() override {
    const auto question = wire::Message<wire::RunRequest>::build([](auto) {});
    request(front_, std::chrono::seconds(30), question)
        .then(
            [this](const wire::Message<wire::RunDescription>& description) {
              links_ = describe_(*description.read());
              for (const auto& link : links_) monitor(link);
            },
            [this](const caf::error&) { end_(); });
    return {[](tick_atom) {}};
  }

 private:
  caf::actor front_;
  Describe describe_;
  std::function<void()> end_;
  std::vector<caf::actor> links_;
};

std::shared_ptr<const ParsedRun> parse_run(World& world, const wire::RunDescription::Reader& run) {
  const std::string recipe = run.getRecipe().cStr(), model = run.getModelConfig().cStr();
  auto& known = world.parsed_run();
  if (!known || known->recipe_text != recipe || known->model_text != model)
    known = std::make_shared<const ParsedRun>(ParsedRun{
        recipe, model, config::parse(recipe, "the run's recipe", {}, config::Verb::kShow).recipe,
        model::config_from_json(model, "the run's model")});
  return known;
}

}  // namespace

void WorkerProcess::start() {
  // Handshake and introduction: a few ways to and fro.
  constexpr double kWays = 4;
  const double takes = kWays * world_.scenario().link.latency_ms / 1e3;
  world_.queue().after(duration(takes), [&world = world_, node = node_, life = life_] {
    world.enter(node, life,
                [&world, node] { static_cast<WorkerProcess&>(*world.node(node).process).join(); });
  });
}

void WorkerProcess::join() {
  if (!world_.network().can_reach_head(node_)) return die();
  front_ = world_.network().connect(node_);
  joiner_ = system().spawn<JoinerActor>(
      front_,
      [this](const wire::RunDescription::Reader& run) {
        describe(run);
        return links_;
      },
      [this] { die(); });
}

void WorkerProcess::describe(const wire::RunDescription::Reader& run) {
  run_ = parse_run(world_, run);
  const Host own = host();
  fetch_compute_ = own.make_compute("weights");
  receiver_ = std::make_shared<WeightReceiver>(
      run_->model, std::make_unique<SimWeightSource>(world_, node_, run.getRunId()),
      *fetch_compute_);
  workers_ = std::make_unique<Workers>(own, run_->recipe, simulated_judges(world_, node_),
                                       receiver_, nullptr);
  const NodeGroup& group = *world_.node(node_).group;
  spawned_ = workers_->spawn({group.samplers, group.rewards, group.references});
  for (const Worker& worker : spawned_)
    links_.push_back(system().spawn<WorkerLinkActor>(
        WorkerLinkOptions{front_, worker.actor, worker.role, worker.capacity}));
}

void WorkerProcess::leave() {
  world_.node(node_).leaving = true;
  for (const auto& link : links_) caf::anon_send(link, leave_atom::value);
}

void WorkerProcess::stop() {
  for (const auto& link : links_) caf::anon_send_exit(link, caf::exit_reason::user_shutdown);
  for (const Worker& worker : spawned_)
    caf::anon_send_exit(worker.actor, caf::exit_reason::user_shutdown);
  if (joiner_) caf::anon_send_exit(joiner_, caf::exit_reason::user_shutdown);
}

void WorkerProcess::release() {
  links_.clear();
  spawned_.clear();
  workers_.reset();
  receiver_.reset();
  fetch_compute_.reset();
  front_ = joiner_ = {};
}

}  // namespace thespis::sim
