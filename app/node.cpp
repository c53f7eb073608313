// `thespis node`: workers of this machine for a training that runs elsewhere. It learns everything
// else from the run that it joins.

#include <signal.h>
#include <sys/prctl.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "actors/base/ending.hpp"
#include "actors/base/failure.hpp"
#include "actors/front/worker_link_actor.hpp"
#include "actors/training/card_use.hpp"
#include "actors/training/run_inputs.hpp"
#include "actors/training/workers.hpp"
#include "app/secret.hpp"
#include "app/verbs.hpp"
#include "model/hf/hf_config.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/cluster/cluster.hpp"
#include "runtime/config/load.hpp"

namespace thespis::app {
namespace {

/// Waits for the end of the links, or for SIGINT or SIGTERM, which make the workers say goodbye.
/// The listener gets why they ended, and whether the run begins again.
class LinkWatch : public caf::event_based_actor {
 public:
  LinkWatch(caf::actor_config& config, std::vector<caf::actor> links, caf::actor listener)
      : caf::event_based_actor(config), links_(std::move(links)), listener_(std::move(listener)) {
    set_down_handler([this](caf::down_msg& down) {
      std::erase_if(links_, [&](const caf::actor& link) { return link == down.source; });
      if (down.reason) reason_ = reason_of(system(), down.reason);
      if (down.reason == kBeginsAgain) begins_again_ = true;
      // Without one of its workers the node is not what its starter asked for: it ends whole.
      for (const auto& link : links_) send(link, leave_atom::value);
      if (!links_.empty()) return;
      send(listener_, reason_, begins_again_);
      quit();
    });
  }

 protected:
  caf::behavior make_behavior() override {
    for (const auto& link : links_) monitor(link);
    return {[this](leave_atom) {
      for (const auto& link : links_) send(link, leave_atom::value);
    }};
  }

 private:
  std::vector<caf::actor> links_;
  caf::actor listener_;
  std::string reason_;
  bool begins_again_ = false;
};

wire::Message<wire::RunDescription> ask_for_run(caf::scoped_actor& self, const caf::actor& front) {
  wire::Message<wire::RunDescription> description;
  std::string error;
  const auto question = wire::Message<wire::RunRequest>::build([](auto) {});
  self->request(front, std::chrono::seconds(30), question)
      .receive([&](wire::Message<wire::RunDescription>& d) { description = std::move(d); },
               [&](const caf::error& e) { error = reason_of(self->system(), e); });
  if (!error.empty()) throw Error("the run did not describe itself: " + error);
  return description;
}

struct JoinedRun {
  caf::actor front;
  wire::Message<wire::RunDescription> description;
};

/// Joins the run, again and again until `patience` is over: one that begins again is away for a
/// while, and while it goes its front may end between the joining and the question.
JoinedRun join(caf::scoped_actor& self, cluster::Cluster& cluster, const std::string& address,
               std::chrono::milliseconds patience) {
  constexpr auto kPause = std::chrono::milliseconds(200);
  const env::RealClock clock;
  const auto end = clock.now() + patience;
  for (;;) {
    try {
      const caf::actor front = cluster.join(address);
      return {front, ask_for_run(self, front)};
    } catch (const InputError&) {
      throw;
    } catch (const Error&) {
      if (clock.now() >= end) throw;
    }
    std::this_thread::sleep_for(kPause);
  }
}

/// Works for the run until it ends or somebody wants this node to. How long a run that begins again
/// is waited for; nothing where it is over.
std::optional<std::chrono::milliseconds> work(const NodeArguments& arguments, const Roles& roles,
                                              const std::string& secret, const sigset_t& signals,
                                              std::chrono::milliseconds patience) {
  const auto registry = wire::Registry::all();
  cluster::ActorConfig actor_config;
  caf::actor_system system(actor_config);
  caf::scoped_actor self(system);
  cluster::ClusterOptions options;
  options.listen = arguments.listen;
  options.secret = secret;
  options.name = roles.text();
  cluster::Cluster cluster(system, registry, options);
  const auto [front, description] = join(self, cluster, arguments.join, patience);
  const auto view = description.read();
  const config::Recipe recipe =
      config::parse(view->getRecipe().cStr(), "the run's recipe", {}, config::Verb::kShow).recipe;
  const model::ModelConfig model =
      model::config_from_json(view->getModelConfig().cStr(), "the run's model");

  gpu::ThreadPool threads(thread_count(arguments.threads));
  env::ComputeThread fetch_compute("weights");
  cluster::WeightFetcher::Options fetch;
  fetch.run_id = view->getRunId();
  auto receiver = std::make_shared<WeightReceiver>(
      model, std::make_unique<cluster::WeightFetcher>(fetch), fetch_compute);
  const env::RealClock clock;
  env::RealFileSystem files;
  const auto engine = make_engine(recipe.engine, threads, card_uses(recipe, roles, false));
  const Host host{system, clock, files, *engine, [](const std::string& name) {
                    return std::make_unique<env::ComputeThread>(name);
                  }};
  std::shared_ptr<const model::StopStrings> stops;
  if (!recipe.rollout.stop.empty())
    stops = stop_strings(
        recipe, model::Tokenizer::parse(view->getTokenizer().cStr(), "the run's tokenizer"));
  Workers workers(host, recipe, reward_options(recipe), receiver, std::move(stops));
  const auto spawned = workers.spawn(roles);
  std::vector<caf::actor> links;
  for (const Worker& worker : spawned)
    links.push_back(system.spawn<WorkerLinkActor>(
        WorkerLinkOptions{front, worker.actor, worker.role, worker.capacity}));
  const auto watch =
      system.spawn<LinkWatch>(std::move(links), caf::actor_cast<caf::actor>(self.ptr()));
  std::printf("joined %s as %s\n", arguments.join.c_str(), roles.text().c_str());
  std::fflush(stdout);

  std::thread signal_thread([&signals, watch] {
    int signal = 0;
    sigwait(&signals, &signal);
    caf::anon_send(watch, leave_atom::value);
  });
  std::string reason;
  bool begins_again = false;
  self->receive([&](const std::string& why, bool again) {
    reason = why;
    begins_again = again;
  });
  pthread_kill(signal_thread.native_handle(), SIGTERM);  // It may still be waiting.
  signal_thread.join();
  std::vector<caf::actor> actors;
  for (const Worker& worker : spawned) actors.push_back(worker.actor);
  end_all(self, actors);
  if (begins_again) {
    std::printf("the run at %s begins again\n", arguments.join.c_str());
    return env::milliseconds(recipe.cluster.join_deadline_s);
  }
  std::printf("left %s%s%s\n", arguments.join.c_str(), reason.empty() ? "" : ": ", reason.c_str());
  return std::nullopt;
}

}  // namespace

int run_node(const NodeArguments& arguments) {
  const Roles roles = Roles::parse(arguments.roles);
  const std::string secret = read_secret(arguments.secret_file);
  // Before any thread starts, so that all of them leave these signals to the one that waits.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  for (auto patience = std::optional(env::milliseconds(arguments.wait_s)); patience;)
    patience = work(arguments, roles, secret, signals, *patience);
  return 0;
}

}  // namespace thespis::app
