#pragma once
// How soon a peer's loss is noticed, what an interruption costs, and what an idle node uses.

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "bench/transport/sides.hpp"

namespace thespis::bench {

using Kind = wire::PeerEvent::Kind;
constexpr auto kInterruption = std::chrono::seconds(3);

/// What the node's observer is told, with the time.
class EventLog {
 public:
  explicit EventLog(Ours& side) {
    observer_ = side.system().spawn([this]() -> caf::behavior {
      return {[this](const wire::Message<wire::PeerEvent>& event) {
        const std::lock_guard lock(mutex_);
        seen_.push_back({event.read()->getKind(), Clock::now()});
        changed_.notify_all();
      }};
    });
    side.cluster().set_observer(observer_);
  }
  ~EventLog() { caf::anon_send_exit(observer_, caf::exit_reason::kill); }
  /// Seconds from `since` to the first event of this kind, negative where none came within `limit`.
  double wait(Kind kind, Clock::time_point since, std::chrono::seconds limit) {
    std::unique_lock lock(mutex_);
    double found = -1;
    changed_.wait_until(lock, since + limit, [&] {
      for (const auto& [what, at] : seen_)
        if (what == kind && found < 0) found = Seconds(at - since).count();
      return found >= 0;
    });
    return found;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<Kind, Clock::time_point>> seen_;
  caf::actor observer_;
};

/// Sends a request every millisecond until told to stop; counts answers and failures.
class Traffic {
 public:
  explicit Traffic(Ours& side)
      : side_(side), thread_([this](std::stop_token stop) { run(stop); }) {}
  /// Stops sending and waits for what is under way. Returns {answered, failed}.
  std::pair<uint64_t, uint64_t> finish() {
    thread_.request_stop();
    thread_.join();
    return {answered_, failed_};
  }

 private:
  void run(const std::stop_token& stop) {
    caf::scoped_actor self{side_.system()};
    const Payload what = payload(20'000);
    uint64_t open = 0;
    const auto reply = [&](const std::chrono::milliseconds wait) {
      self->receive([&](start_atom, bool good) { ++(good ? answered_ : failed_), --open; },
                    caf::after(wait) >> [] {});
    };
    const caf::actor to = caf::actor_cast<caf::actor>(self);
    const caf::actor front = side_.front();
    while (!stop.stop_requested() || open > 0) {
      if (!stop.stop_requested()) {
        ++open;
        side_.system().spawn([to, front, what](caf::event_based_actor* me) {
          me->request(front, caf::infinite, what)
              .then([me, to](const Payload&) { me->send(to, start_atom::value, true); },
                    [me, to](const caf::error&) { me->send(to, start_atom::value, false); });
        });
      }
      reply(std::chrono::milliseconds(1));
    }
  }
  Ours& side_;
  uint64_t answered_ = 0, failed_ = 0;
  std::jthread thread_;
};

inline const char* name(cluster::Path path) {
  return path == cluster::Path::kTcp ? "tcp" : "shm";
}

inline void killed_peer(const std::string& self, cluster::Path path, double goal_ms) {
  std::vector<double> ms;
  for (int round = 0; round < 7; ++round) {
    Ours side(self, path, false);
    caf::scoped_actor asker{side.system()};
    auto pending = asker->request(side.front(), caf::infinite,
                                  wire::Message<wire::Judge>::build([](wire::Judge::Builder) {}));
    asker->request(side.front(), caf::infinite, small())
        .receive([](const Small&) {}, [](caf::error&) {});
    const auto at = Clock::now();
    side.child().signal(SIGKILL);
    pending.receive([] {},
                    [&](caf::error&) { ms.push_back(Seconds(Clock::now() - at).count() * 1e3); });
  }
  std::sort(ms.begin(), ms.end());
  std::printf("| killed peer, %s: pending request fails | %.2f ms (most %.2f) | %.0f ms |\n",
              name(path), ms[ms.size() / 2], ms.back(), goal_ms);
  std::fflush(stdout);
}

inline void stopped_peer(const std::string& self, cluster::Path path, bool traffic) {
  Ours side(self, path, false);
  EventLog events(side);
  std::optional<Traffic> load;
  if (traffic) load.emplace(side);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto at = Clock::now();
  side.child().signal(SIGSTOP);
  const double suspected = events.wait(Kind::SUSPECTED, at, std::chrono::seconds(20));
  const double lost = events.wait(Kind::LOST, at, std::chrono::seconds(20));
  if (load) load->finish();
  std::printf("| stopped peer, %s, %s: noticed (given up) | %.2f s (%.2f s) | 3 s |\n", name(path),
              traffic ? "traffic" : "idle", suspected, lost);
  std::fflush(stdout);
}

inline void stopped_for_a_while(const std::string& self, cluster::Path path) {
  Ours side(self, path, false);
  Traffic load(side);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  side.child().signal(SIGSTOP);
  std::this_thread::sleep_for(kInterruption);
  side.child().signal(SIGCONT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto [answered, failed] = load.finish();
  std::printf("| peer stopped for 3 s, %s: requests lost | %llu of %llu | 0 |\n", name(path),
              static_cast<unsigned long long>(failed),
              static_cast<unsigned long long>(answered + failed));
  std::fflush(stdout);
}

/// A network namespace with a link to it, removed at the end.
class Link {
 public:
  Link() {
    shell("ip netns delete thespis-bench");  // Of a run that was killed.
    ready_ = shell("ip netns add thespis-bench") &&
             shell("ip link add thespis0 type veth peer name thespis1 netns thespis-bench") &&
             shell("ip addr add 10.213.77.1/30 dev thespis0") && shell("ip link set thespis0 up") &&
             shell("ip -n thespis-bench addr add 10.213.77.2/30 dev thespis1") &&
             shell("ip -n thespis-bench link set thespis1 up") &&
             shell("ip -n thespis-bench link set lo up");
  }
  ~Link() { shell("ip netns delete thespis-bench"); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  bool ready() const { return ready_; }
  void cut() const { shell("ip link set thespis0 down"); }
  void mend() const { shell("ip link set thespis0 up"); }

 private:
  static bool shell(const std::string& command) {
    return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
  }
  bool ready_ = false;
};

inline void cut_link(const std::string& self) {
  const Link link;
  if (!link.ready()) {
    std::printf("| cut link | SKIPPED: no network namespaces here (needs root and iproute2) | |\n");
    return;
  }
  const std::vector<std::string> there = {"ip",     "netns", "exec", "thespis-bench", self,
                                          "--peer", "auto",  "pool", "10.213.77.2:0"};
  {
    Ours side(there);
    Traffic load(side);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    link.cut();
    std::this_thread::sleep_for(kInterruption);
    link.mend();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto [answered, failed] = load.finish();
    std::printf("| link cut for 3 s: requests lost | %llu of %llu | 0 |\n",
                static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(answered + failed));
    std::fflush(stdout);
  }
  for (const bool traffic : {false, true}) {
    Ours side(there);
    EventLog events(side);
    std::optional<Traffic> load;
    if (traffic) load.emplace(side);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto at = Clock::now();
    link.cut();
    const double suspected = events.wait(Kind::SUSPECTED, at, std::chrono::seconds(20));
    const double lost = events.wait(Kind::LOST, at, std::chrono::seconds(20));
    if (load) load->finish();
    link.mend();
    std::printf("| link cut, %s: noticed (given up) | %.2f s (%.2f s) | 3 s |\n",
                traffic ? "traffic" : "idle", suspected, lost);
    std::fflush(stdout);
  }
}

/// CPU seconds that a process has used.
inline double cpu_seconds(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

inline void idle_cpu(const std::string& self, cluster::Path path) {
  constexpr auto kFor = std::chrono::seconds(10);
  Ours side(self, path, false);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double before = cpu_seconds(side.child().pid());
  std::this_thread::sleep_for(kFor);
  const double used = cpu_seconds(side.child().pid()) - before;
  std::printf("| idle joined node, %s: CPU | %.2f %% of a core | 0 |\n", name(path),
              used / Seconds(kFor).count() * 100);
  std::fflush(stdout);
}

inline int failures(const std::string& self) {
  std::printf("\n| what | measured | goal |\n|---|---|---|\n");
  killed_peer(self, cluster::Path::kTcp, 10);
  killed_peer(self, cluster::Path::kSharedMemory, 200);
  for (const auto path : {cluster::Path::kTcp, cluster::Path::kSharedMemory}) {
    for (const bool traffic : {false, true}) stopped_peer(self, path, traffic);
    stopped_for_a_while(self, path);
  }
  cut_link(self);
  idle_cpu(self, cluster::Path::kTcp);
  idle_cpu(self, cluster::Path::kSharedMemory);
  return 0;
}

}  // namespace thespis::bench
