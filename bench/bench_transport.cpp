// Messages between the actors of two processes, against UCX alone and against CAF's own tcp
// remoting; how soon a lost peer is noticed; what an idle node costs. One table; the program starts
// itself as the other process.
//
// Figures are medians over interleaved rounds, so that a busy machine slows all ways alike. Round
// trips carry the same frame both ways; one-way figures are requests under way at a time, answered
// by a few bytes.

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "bench/transport/failures.hpp"
#include "bench/transport/sides.hpp"
#include "runtime/transport/socket.hpp"

namespace thespis::bench {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int kRounds = 5;

struct Case {
  const char* name;
  uint64_t bytes;
  uint64_t count;
  uint64_t window;  // 0: a round trip.
};
constexpr Case kCases[] = {{"round trip 64 B", 64, 3000, 0},
                           {"round trip 1 MiB", kMiB, 150, 0},
                           {"round trip 64 MiB", 64 * kMiB, 5, 0},
                           {"one way 1 MiB", kMiB, 400, 8},
                           {"one way 64 MiB", 64 * kMiB, 10, 2}};

// Microseconds for a round trip, MiB/s one way.
double figure(const Case& c, const Times& times) {
  if (c.window == 0) return median(times.each) * 1e6;
  return static_cast<double>(c.count * c.bytes) / static_cast<double>(kMiB) / times.whole;
}

double ours(Ours& side, const Case& c) {
  if (c.window > 0) return figure(c, side.run<Ack>(one_way(c.bytes), c.count, c.window));
  if (c.bytes == 64) return figure(c, side.run<Small>(small(), c.count, 1));
  return figure(c, side.run<Payload>(payload(c.bytes), c.count, 1));
}

double cafs(Caf& side, const Case& c) {
  // The first byte tells the echo which answer is wanted.
  std::string text(c.bytes, c.window == 0 ? 'e' : 'a');
  return figure(c, side.run<std::string>(text, c.count, std::max<uint64_t>(1, c.window)));
}

// ucx_perftest measures half round trips; its median is doubled. 0 where it is not installed or
// fails.
double raw(const char* transports, const Case& c) {
  std::string port;
  {
    const transport::Fd probe = transport::listen_tcp({"127.0.0.1", 0}, 1);
    const std::string address = transport::local_address(probe);
    port = address.substr(address.rfind(':') + 1);
  }
  const std::vector<std::string> environment = {std::string("UCX_TLS=") + transports,
                                                "UCX_NET_DEVICES=lo", "UCX_LOG_LEVEL=error"};
  const bool cores = std::thread::hardware_concurrency() >= 2;
  std::vector<std::string> serve = {"ucx_perftest", "-p", port};
  if (cores) serve.insert(serve.end(), {"-c", std::to_string(kPeerCore)});
  Child server(serve, environment);
  std::vector<std::string> command = {"ucx_perftest",
                                      "localhost",
                                      "-p",
                                      port,
                                      "-t",
                                      c.window == 0 ? "ucp_am_lat" : "ucp_am_bw",
                                      "-s",
                                      std::to_string(c.bytes),
                                      "-n",
                                      std::to_string(c.count),
                                      "-w",
                                      std::to_string(std::max<uint64_t>(2, c.count / 10)),
                                      "-f"};
  if (cores) command.insert(command.end(), {"-c", std::to_string(kOwnCore)});
  if (c.window > 0) command.insert(command.end(), {"-O", std::to_string(c.window)});
  // The server does not say when it listens.
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::istringstream lines(Child(command, environment).rest());
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::array<double, 6>
          n{};  // Iterations, 50 %, average, overall; bandwidth: average, overall.
      if (words >> n[0] >> n[1] >> n[2] >> n[3] >> n[4] >> n[5])
        return c.window == 0 ? n[1] * 2 : n[5];
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return 0;
}

void print_row(const char* path, const Case& c, const std::vector<double>& raws,
               const std::vector<double>& inlines, const std::vector<double>& pools,
               const std::vector<double>& cafs) {
  const double r = median(raws), i = median(inlines), p = median(pools), f = median(cafs);
  const auto ratio = [&](double a, double b) { return b > 0 ? a / b : 0; };
  std::printf("| %-4s | %-17s | %9.1f | %9.1f | %5.2f | %9.1f | %9.1f | %5.2f |\n", path, c.name, r,
              i, ratio(i, r), p, f, ratio(i, f));
  std::fflush(stdout);
}

int run(const std::string& self) {
  std::printf("%d rounds, interleaved, medians; round trips in us, one way in MiB/s\n", kRounds);
  std::printf("raw: ucx_perftest. ours: actors on the network thread. pool: on CAF's threads.\n\n");
  std::printf(
      "| path | what              | raw       | ours      | /raw  | pool      | CAF tcp   | "
      "ours/CAF |\n");
  std::printf(
      "|------|-------------------|-----------|-----------|-------|-----------|-----------|-------|"
      "\n");
  for (const auto& [path, transports] : {std::pair{cluster::Path::kSharedMemory, "posix,cma"},
                                         std::pair{cluster::Path::kTcp, "tcp"}}) {
    const bool tcp = path == cluster::Path::kTcp;
    Ours on_thread(self, path, true);
    Ours on_pool(self, path, false);
    std::optional<Caf> caf;
    if (tcp) caf.emplace(self);
    for (const Case& c : kCases) {
      std::vector<double> raws, inlines, pools, cafs_;
      for (int round = 0; round < kRounds; ++round) {
        raws.push_back(raw(transports, c));
        inlines.push_back(ours(on_thread, c));
        pools.push_back(ours(on_pool, c));
        if (caf) cafs_.push_back(cafs(*caf, c));
      }
      print_row(tcp ? "tcp" : "shm", c, raws, inlines, pools, cafs_);
    }
  }
  return failures(self);
}

// The other process: serves until its standard input ends.
int peer(int argc, char** argv) {
  const std::string kind = argv[2];
  const auto wait = [] {
    for (std::string line; std::getline(std::cin, line);) continue;
  };
  if (kind == "caf") {
    CafConfig config;
    caf::actor_system system(config);
    const caf::actor front = system.spawn([]() -> caf::behavior {
      return {
          [](const std::string& text) { return text.front() == 'e' ? text : std::string("a"); }};
    });
    const auto port = system.middleman().publish(front, 0, "127.0.0.1");
    if (!port) throw Error("CAF cannot publish: " + to_string(port.error()));
    std::cout << *port << "\n" << std::flush;
    wait();
    std::quick_exit(0);
  }
  cluster::ActorConfig config;
  caf::actor_system system(config);
  const wire::Registry registry = wire::Registry::all();
  cluster::ClusterOptions options;
  options.secret = kSecret;
  if (kind == "tcp") options.path = cluster::Path::kTcp;
  if (kind == "shm") options.path = cluster::Path::kSharedMemory;
  options.queue_bytes = uint64_t{1} << 30;
  if (argc > 4) options.listen = argv[4];
  cluster::Cluster cluster(system, registry, options);
  const bool on_network_thread = std::strcmp(argv[3], "inline") == 0;
  const caf::actor front = on_network_thread ? system.spawn(pinned_echo) : system.spawn(echo);
  if (on_network_thread) cluster.run_on_network_thread(front);
  cluster.set_front(front);
  std::cout << cluster.address() << "\n" << std::flush;
  wait();
  caf::anon_send_exit(front, caf::exit_reason::kill);
  return 0;
}

}  // namespace
}  // namespace thespis::bench

int main(int argc, char** argv) {
  try {
    if (argc >= 3 && std::strcmp(argv[1], "--peer") == 0) return thespis::bench::peer(argc, argv);
    if (argc == 2 && std::strcmp(argv[1], "--failures") == 0)
      return thespis::bench::failures(argv[0]);
    return thespis::bench::run(argv[0]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_transport: %s\n", e.what());
    return 1;
  }
}
