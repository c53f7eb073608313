#include "sim/cluster/process.hpp"

#include <utility>

#include "runtime/base/error.hpp"
#include "sim/cluster/sim_compute.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {
namespace {

constexpr Nanoseconds kNever = Nanoseconds::max();
constexpr uint64_t kSessionQueueBytes = uint64_t{256} << 20;
constexpr uint64_t kFrameBytesMax = uint64_t{1} << 30;
constexpr uint32_t kPendingRequestsMax = 65536;
// Messages that one event may set off: more is a loop in which no time passes.
constexpr uint64_t kMessagesPerEventMax = 5'000'000;

caf::actor_clock::time_point time_point(Nanoseconds t) {
  return caf::actor_clock::time_point(t);
}

}  // namespace

class Process::LocalClock final : public env::Clock {
 public:
  explicit LocalClock(const Process& process) : process_(process) {}
  // Within a computation time goes on by what was computed so far.
  Nanoseconds now() const override {
    return process_.local_now() + duration(process_.world_.charged_s());
  }
  double wall_seconds() const override {
    constexpr double kEpoch = 1'800'000'000;
    return kEpoch + env::seconds(now()) + process_.world_.node(process_.node_).wall_offset_s;
  }

 private:
  const Process& process_;
};

Process::Process(World& world, uint32_t node)
    : world_(world),
      node_(node),
      life_(world.node(node).lives),
      config_(cluster::ActorConfig::Scheduling::kDeterministic),
      system_(std::make_unique<caf::actor_system>(config_)),
      scheduler_(&dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler())),
      outbox_(std::make_shared<cluster::Outbox>([] {})),
      unit_(std::make_unique<cluster::NetworkUnit>(*system_)),
      clock_(std::make_unique<LocalClock>(*this)),
      files_(std::make_unique<SimDisk>(*this)),
      engine_(std::make_unique<SimEngine>(world, node)),
      order_(world.random(Stream::kSchedules, uint64_t{node} << 24 | life_)),
      armed_at_(kNever) {
  outbox_->adopt_thread();
  sessions_ = std::make_unique<cluster::Session::Shared>(
      cluster::Session::Shared{*system_,
                               world.network().registry(),
                               outbox_,
                               *unit_,
                               {kSessionQueueBytes, kFrameBytesMax, kPendingRequestsMax}});
  scheduler_->clock().current_time = time_point(local_now());
}

Process::~Process() = default;

Host Process::host() {
  return {*system_, *clock_, *files_, *engine_, [this](const std::string& name) {
            return std::make_unique<SimCompute>(world_, node_, name);
          }};
}

Nanoseconds Process::local_now() const {
  // A drifting clock: what passed since the drift began counts more.
  const Spell& drift = world_.node(node_).spells[static_cast<size_t>(FaultKind::kClockDrift)];
  const Nanoseconds end = std::min(world_.now(), drift.until);
  const Nanoseconds passed = end > drift.since ? end - drift.since : Nanoseconds{0};
  return world_.now() + duration(env::seconds(passed) * drift.factor) + Nanoseconds{1};
}

Nanoseconds Process::global_of(Nanoseconds local) const {
  const Nanoseconds ahead = local - local_now();
  return world_.now() + std::max(ahead, Nanoseconds{0});
}

void Process::run(const std::function<void()>& step) {
  auto& time = scheduler_->clock().current_time;
  time = std::max(time, time_point(local_now()));
  step();
  drain();
  if (!dying_) arm_timer();
}

void Process::drain() {
  uint64_t messages = 0;
  auto& jobs = scheduler_->jobs;
  while (!dying_) {
    if (!outbox_->empty())
      for (cluster::Outbox::Item& item : outbox_->take()) {
        if (item.session)
          item.session->send(std::move(item.outgoing));
        else
          item.task();
      }
    if (jobs.empty()) break;
    // Any order of those that are ready may happen: the seed chooses.
    constexpr uint32_t kOutOfTurn = 4;
    if (jobs.size() > 1 && order_.below(kOutOfTurn) == 0)
      std::swap(jobs.front(), jobs[order_.below(static_cast<uint32_t>(jobs.size()))]);
    scheduler_->run_once();
    if (++messages > kMessagesPerEventMax)
      throw Error("simulation: node " + world_.node(node_).name + " is in a loop without time");
  }
  world_.trace().handled(messages);
}

void Process::arm_timer() {
  if (!scheduler_->has_pending_timeout()) return;
  const auto due = scheduler_->clock().schedule().begin()->first.time_since_epoch();
  const Nanoseconds when = global_of(due);
  if (when >= armed_at_ && armed_at_ > world_.now()) return;
  armed_at_ = when;
  world_.queue().at(when, [&world = world_, node = node_, life = life_, when] {
    world.enter(node, life, [&world, node, when] {
      Process& self = *world.node(node).process;
      if (self.armed_at_ == when) self.armed_at_ = kNever;
      self.fire_timers();
    });
  });
}

void Process::fire_timers() {
  auto& clock = scheduler_->clock();
  while (!dying_ && scheduler_->has_pending_timeout() &&
         clock.schedule().begin()->first <= clock.current_time) {
    world_.note(node_, Happened::kTimer);
    scheduler_->trigger_timeout();
    drain();
  }
}

void Process::end() {
  stop();
  auto& clock = scheduler_->clock();
  const auto run_all = [&] {
    for (uint64_t n = 0; n < kMessagesPerEventMax && scheduler_->has_job(); ++n)
      scheduler_->run_once();
    clock.cancel_all();
    for (cluster::Outbox::Item& item : outbox_->take())
      if (!item.session) item.task();
  };
  while (scheduler_->has_job() || scheduler_->has_pending_timeout() || !outbox_->empty()) run_all();
  release();
  while (scheduler_->has_job() || scheduler_->has_pending_timeout() || !outbox_->empty()) run_all();
  for (cluster::Outbox::Item& item : outbox_->close())
    if (!item.session) item.task();
  if (system_->registry().running() > 0) {
    world_.checker().violation("BOUNDED", std::to_string(system_->registry().running()) +
                                              " actors of " + world_.node(node_).name +
                                              " outlived their process");
    system_->await_actors_before_shutdown(false);
  }
  engine_.reset();
  sessions_.reset();
  unit_.reset();
  outbox_.reset();
  system_.reset();
}

}  // namespace thespis::sim
