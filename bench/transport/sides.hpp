#pragma once
// The three ways that are compared: this house's actors, CAF's own tcp remoting, and UCX alone
// (ucx_perftest).

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <sched.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/transport/child.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/cluster/cluster.hpp"
#include "schemas/cluster.capnp.h"
#include "schemas/rollout.capnp.h"

namespace thespis::bench {

using start_atom = caf::atom_constant<caf::atom("start")>;
using Seconds = std::chrono::duration<double>;
using Clock = std::chrono::steady_clock;

constexpr const char* kSecret = "a secret for benchmarks";

using Payload = wire::Message<wire::Generate>;  // Answered by itself.
using Small = wire::Message<wire::Failure>;     // Answered by itself.
using OneWay = wire::Message<wire::Rollout>;    // Answered by an Ack.
using Ack = wire::Message<wire::WorkerLeave>;

/// A frame of exactly 64 bytes.
inline Small small() {
  return Small::build(
      [](wire::Failure::Builder out) { out.setReason("0123456789012345678901234567890"); });
}
inline Payload payload(uint64_t bytes) {
  return Payload::build(
      [&](wire::Generate::Builder out) { out.initPrompt(static_cast<unsigned>(bytes / 4)); },
      bytes / 8 + 64);
}
inline OneWay one_way(uint64_t bytes) {
  return OneWay::build(
      [&](wire::Rollout::Builder out) { out.initTokens(static_cast<unsigned>(bytes / 4)); },
      bytes / 8 + 64);
}

/// Keeps the calling thread on one core, as ucx_perftest is kept on one. Once; nothing where there
/// is only one core.
inline void stay_on_core(unsigned core) {
  thread_local bool done = false;
  if (std::exchange(done, true) || std::thread::hardware_concurrency() < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) throw Error("cannot choose a core");
}
constexpr unsigned kOwnCore = 0, kPeerCore = 1;

inline caf::behavior echo(caf::event_based_actor* self) {
  auto never = std::make_shared<std::vector<caf::response_promise>>();
  return {[self, never](const wire::Message<wire::Judge>&) {
            never->push_back(self->make_response_promise());  // Only its end answers it.
          },
          [](const Small& m) { return m; }, [](const Payload& m) { return m; },
          [](const OneWay&) { return Ack::build([](wire::WorkerLeave::Builder) {}, 16); }};
}

/// For the network thread.
inline caf::behavior pinned_echo(caf::event_based_actor*) {
  return {[](const Small& m) {
            stay_on_core(kPeerCore);
            return m;
          },
          [](const Payload& m) {
            stay_on_core(kPeerCore);
            return m;
          },
          [](const OneWay&) { return Ack::build([](wire::WorkerLeave::Builder) {}, 16); }};
}

/// What a run of requests gives: each one's seconds, and the whole.
struct Times {
  std::vector<double> each;
  double whole = 0;
};

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

/// Sends `count` requests to `to`, `window` of them at a time.
template <class Message, class Reply>
class Driver {
 public:
  Driver(caf::event_based_actor* self, caf::actor to, Message what, uint64_t count, uint64_t window,
         bool pinned, std::shared_ptr<std::promise<Times>> done)
      : self_(self),
        to_(std::move(to)),
        what_(std::move(what)),
        count_(count),
        window_(window),
        pinned_(pinned),
        done_(std::move(done)) {}
  void start() {
    began_ = Clock::now();
    while (sent_ < std::min(window_, count_)) next();
  }

 private:
  void next() {
    ++sent_;
    const auto at = Clock::now();
    self_->request(to_, caf::infinite, what_)
        .then(
            [this, at](const Reply&) {
              if (pinned_) stay_on_core(kOwnCore);
              times_.each.push_back(Seconds(Clock::now() - at).count());
              if (times_.each.size() == count_) {
                times_.whole = Seconds(Clock::now() - began_).count();
                done_->set_value(std::move(times_));
              } else if (sent_ < count_) {
                next();
              }
            },
            [this](const caf::error& e) {
              done_->set_exception(std::make_exception_ptr(Error(to_string(e))));
              self_->quit();
            });
  }
  caf::event_based_actor* self_;
  caf::actor to_;
  Message what_;
  uint64_t count_, window_, sent_ = 0;
  bool pinned_;
  Clock::time_point began_;
  Times times_;
  std::shared_ptr<std::promise<Times>> done_;
};

struct DriverState {
  std::shared_ptr<void> driver;
};

/// A node in this process, joined to one in another.
class Ours {
 public:
  /// `inline_actors`: actors run on the network threads of both sides.
  Ours(const std::string& self, cluster::Path path, bool inline_actors)
      : Ours({self, "--peer", path == cluster::Path::kTcp ? "tcp" : "shm",
              inline_actors ? "inline" : "pool"},
             path, inline_actors) {}
  /// With the other side started by a command.
  explicit Ours(std::vector<std::string> peer, cluster::Path path = cluster::Path::kAuto,
                bool inline_actors = false)
      : child_(std::move(peer)),
        system_(config_),
        registry_(wire::Registry::all()),
        inline_(inline_actors) {
    cluster::ClusterOptions options;
    options.secret = kSecret;
    options.path = path;
    options.queue_bytes = uint64_t{1} << 30;
    cluster_ = std::make_unique<cluster::Cluster>(system_, registry_, options);
    front_ = cluster_->join(child_.line());
  }
  ~Ours() { cluster_.reset(); }

  template <class Reply, class Message>
  Times run(const Message& what, uint64_t count, uint64_t window) {
    auto done = std::make_shared<std::promise<Times>>();
    caf::actor driver = system_.spawn([&](caf::stateful_actor<DriverState>* me) -> caf::behavior {
      auto state =
          std::make_shared<Driver<Message, Reply>>(me, front_, what, count, window, inline_, done);
      me->state.driver = state;
      return {[state](start_atom) { state->start(); }};
    });
    if (inline_) cluster_->run_on_network_thread(driver);
    caf::anon_send(driver, start_atom::value);
    Times times = done->get_future().get();
    caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
    return times;
  }
  Child& child() { return child_; }
  cluster::Cluster& cluster() { return *cluster_; }
  caf::actor_system& system() { return system_; }
  const caf::actor& front() const { return front_; }

 private:
  Child child_;
  cluster::ActorConfig config_;
  caf::actor_system system_;
  wire::Registry registry_;
  std::unique_ptr<cluster::Cluster> cluster_;
  caf::actor front_;
  bool inline_;
};

struct CafConfig : cluster::ActorConfig {
  CafConfig() { load<caf::io::middleman>(); }
};

/// CAF's tcp remoting, with this house's scheduler settings; the payload is a std::string.
class Caf {
 public:
  explicit Caf(const std::string& self) : child_({self, "--peer", "caf"}), system_(config_) {
    const auto port = static_cast<uint16_t>(std::stoi(child_.line()));
    auto remote = system_.middleman().remote_actor("127.0.0.1", port);
    if (!remote) throw Error("CAF cannot connect: " + to_string(remote.error()));
    remote_ = *remote;
  }
  template <class Reply>
  Times run(const std::string& what, uint64_t count, uint64_t window) {
    auto done = std::make_shared<std::promise<Times>>();
    caf::actor driver = system_.spawn([&](caf::stateful_actor<DriverState>* me) -> caf::behavior {
      auto state = std::make_shared<Driver<std::string, Reply>>(me, remote_, what, count, window,
                                                                false, done);
      me->state.driver = state;
      return {[state](start_atom) { state->start(); }};
    });
    caf::anon_send(driver, start_atom::value);
    Times times = done->get_future().get();
    caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
    return times;
  }

 private:
  Child child_;
  CafConfig config_;
  caf::actor_system system_;
  caf::actor remote_;
};

}  // namespace thespis::bench
