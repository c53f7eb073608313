// Claims: a Python program through the zygote costs a sixth of what bubblewrap and an interpreter
// cost, at least 300 a second and core; a static program in the prepared root at most twice a plain
// fork and exec; a C++ compilation with the precompiled header at most half of a plain one.
// All variants take turns in one run, since a shared machine changes its mind; the processor time
// of a job is that of everything it started: the keeper's reading of its cgroup, or wait4.
// THESPIS_BENCH_ROUNDS chooses the number of rounds (100).

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/sandbox/sandbox.hpp"

using namespace thespis;
using namespace thespis::sandbox;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kSieve = R"(import sys, math, collections, itertools, heapq
n = 2000
s = [True] * (n + 1)
for i in range(2, int(n ** .5) + 1):
    if s[i]:
        for j in range(i * i, n + 1, i): s[j] = False
print(sum(s) - 2)
)";

constexpr const char* kSolution = R"(#include <bits/stdc++.h>
using namespace std;
struct Edge { int to; long long cost; };
int main() {
  map<string, int> ids; unordered_map<int, vector<Edge>> graph; set<pair<int, int>> seen;
  for (int i = 0; i < 100; ++i) {
    ids["v" + to_string(i)] = i;
    graph[i].push_back({(i * 7) % 100, i});
  }
  priority_queue<pair<long long, int>, vector<pair<long long, int>>, greater<>> next;
  vector<long long> best(100, LLONG_MAX); best[0] = 0; next.emplace(0, 0);
  while (!next.empty()) {
    auto [cost, at] = next.top(); next.pop();
    if (cost > best[at]) continue;
    for (auto& edge : graph[at])
      if (cost + edge.cost < best[edge.to]) next.emplace(best[edge.to] = cost + edge.cost, edge.to);
    seen.insert({at, (int)cost});
  }
  sort(best.rbegin(), best.rend());
  cout << seen.size() << ' ' << best.back() << '\n';
}
)";

constexpr const char* kTrue = "int main(void) { return 0; }\n";

struct Cost {
  double cpu_s = 0, wall_s = 0;
};

struct Variant {
  std::string name;
  std::function<Cost()> run;
  int every = 1;  ///< Costly ones take part in every so many-th round.
  std::vector<double> cpu_ms = {}, wall_ms = {};
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::nth_element(values, values.begin() + static_cast<long>(values.size() / 2));
  return values[values.size() / 2];
}

/// Starts a program as anybody would, and waits for it. A process between counts what it used with
/// all its descendants: bubblewrap does not wait for its own.
Cost spawn(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("no pipe");
  const pid_t between = ::fork();
  if (between == 0) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    const auto start = Clock::now();
    const pid_t child = ::fork();
    if (child == 0) {
      const int nowhere = ::open("/dev/null", O_RDWR);
      ::dup2(nowhere, 0);
      ::dup2(nowhere, 1);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) ::_exit(1);
    Cost cost{0, std::chrono::duration<double>(Clock::now() - start).count()};
    while (::wait(nullptr) > 0) {
    }
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    for (const timeval& t : {usage.ru_utime, usage.ru_stime})
      cost.cpu_s += static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    ::_exit(::write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
  }
  ::close(ends[1]);
  Cost cost;
  const bool told = ::read(ends[0], &cost, sizeof cost) == sizeof cost;
  ::close(ends[0]);
  int status = 0;
  if (::waitpid(between, &status, 0) != between || status != 0 || !told)
    throw Error(words[0] + " failed");
  return cost;
}

Cost run(Sandbox& box, const Job& job) {
  const auto start = Clock::now();
  Outcome result;
  bool done = false;
  const auto keep = [&](Outcome outcome) {
    result = std::move(outcome);
    done = true;
  };
  if (box.run(job, keep) == 0) throw Error("the queue is full");
  while (!done) box.poll(-1);
  if (!result.exited_with(0))
    throw Error("a job ended by " + std::string(name_of(result.ending)) + ": " + result.detail +
                result.errors);
  return {result.cpu_s, std::chrono::duration<double>(Clock::now() - start).count()};
}

Compilation compile(Sandbox& box, const char* language, const std::string& source) {
  Compilation result;
  bool done = false;
  const auto keep = [&](Compilation made) {
    result = std::move(made);
    done = true;
  };
  if (!box.compile(language, source, keep)) throw Error("the queue is full");
  while (!done) box.poll(-1);
  if (!result.program) throw Error("compilation: " + result.outcome.errors + result.outcome.detail);
  return result;
}

std::vector<std::string> bubblewrap(std::vector<std::string> command, const std::string& folder) {
  std::vector<std::string> words = {"/usr/bin/bwrap", "--unshare-all", "--die-with-parent",
                                    "--ro-bind",      "/usr",          "/usr",
                                    "--symlink",      "usr/bin",       "/bin",
                                    "--symlink",      "usr/lib",       "/lib",
                                    "--symlink",      "usr/lib64",     "/lib64",
                                    "--proc",         "/proc",         "--dev",
                                    "/dev",           "--tmpfs",       "/tmp",
                                    "--ro-bind",      folder,          "/job",
                                    "--chdir",        "/tmp"};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

/// Jobs a second with as many at once as there are processors.
double throughput(Sandbox& box, const Job& job, int count) {
  int started = 0, ended = 0;
  const auto start = Clock::now();
  const auto keep = [&](const Outcome& outcome) {
    ended += 1;
    if (!outcome.exited_with(0)) throw Error("a job failed");
  };
  const int at_once = static_cast<int>(box.jobs_at_once());
  while (ended < count) {
    while (started < count && started - ended < 2 * at_once) {
      if (box.run(job, keep) == 0) throw Error("the queue is full");
      ++started;
    }
    box.poll(-1);
  }
  return count / std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int main() try {
  const char* text = std::getenv("THESPIS_BENCH_ROUNDS");
  const int rounds =
      text != nullptr ? std::max(1, static_cast<int>(std::strtol(text, nullptr, 10))) : 100;
  std::string folder = (std::filesystem::temp_directory_path() / "bench-sandbox-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw Error("no temporary directory");
  write(folder + "/small.py", kSieve);
  write(folder + "/true.c", kTrue);
  write(folder + "/solution.cpp", kSolution);
  const std::string still = folder + "/true", fast = folder + "/solution";
  spawn({"/usr/bin/gcc", "-O2", "-static", "-o", still, folder + "/true.c"});
  const std::vector<std::string> plain_compiler = {
      "/usr/bin/g++", "-std=gnu++20", "-O2", "-pipe", "-o", fast, folder + "/solution.cpp"};
  spawn(plain_compiler);

  Options options;
  Sandbox box(std::move(options));
  Job python;
  python.program = compile(box, "python", kSieve).program;
  Job own_python = python;
  own_python.zygote = false;
  Job nothing = python;
  nothing.program = compile(box, "python", "pass").program;
  // The same static file that is started plainly: brought in as what a compiler left.
  Job static_true;
  {
    std::ifstream file(still, std::ios::binary);
    const std::string image((std::istreambuf_iterator<char>(file)), {});
    auto program = std::make_shared<Program>();
    program->language = "c";
    program->executable = sealed_file("true", image);
    static_true.program = std::move(program);
  }
  Job solution;
  solution.program = compile(box, "cpp", kSolution).program;

  const bool has_bwrap = ::access("/usr/bin/bwrap", X_OK) == 0;
  int serial = 0;
  std::vector<Variant> variants = {
      {"static true: fork + exec", [&] { return spawn({still}); }},
      {"static true: sandbox", [&] { return run(box, static_true); }},
      {"small Python: python3",
       [&] {
         return spawn({"/usr/bin/python3", "-I", "-S", folder + "/small.py"});
       }},
      {"small Python: sandbox, own process", [&] { return run(box, own_python); }},
      {"small Python: zygote", [&] { return run(box, python); }},
      {"empty Python: zygote", [&] { return run(box, nothing); }},
      {"C++ run: fork + exec", [&] { return spawn({fast}); }},
      {"C++ run: sandbox", [&] { return run(box, solution); }},
      {"C++ compile: g++ -O2", [&] { return spawn(plain_compiler); }, 20},
      {"C++ compile + run: sandbox",
       [&] {
         // A source of its own each time: the same one is not compiled again.
         const auto start = Clock::now();
         const Compilation made =
             compile(box, "cpp", std::string(kSolution) + "// " + std::to_string(++serial) + "\n");
         Job job;
         job.program = made.program;
         const Cost cost = run(box, job);
         return Cost{made.outcome.cpu_s + cost.cpu_s,
                     std::chrono::duration<double>(Clock::now() - start).count()};
       },
       20}};
  if (has_bwrap) {
    variants.push_back(
        {"static true: bubblewrap", [&] { return spawn(bubblewrap({"/job/true"}, folder)); }});
    variants.push_back(
        {"small Python: bubblewrap + python3", [&] {
           return spawn(bubblewrap({"/usr/bin/python3", "-I", "-S", "/job/small.py"}, folder));
         }});
  }
  for (int round = -3; round < rounds; ++round)
    for (Variant& variant : variants) {
      if (round >= 0 ? round % variant.every != 0 : variant.every > 1) continue;
      const Cost cost = variant.run();
      if (round < 0) continue;  // Warm by now.
      variant.cpu_ms.push_back(cost.cpu_s * 1e3);
      variant.wall_ms.push_back(cost.wall_s * 1e3);
    }
  std::printf("%-36s %9s %9s %12s\n", "", "CPU ms", "wall ms", "a second,");
  std::printf("%-36s %9s %9s %12s\n", "median of one at a time", "a job", "a job", "core (CPU)");
  for (const Variant& variant : variants)
    std::printf("%-36s %9.2f %9.2f %12.0f\n", variant.name.c_str(), median(variant.cpu_ms),
                median(variant.wall_ms), 1e3 / median(variant.cpu_ms));
  const auto cpu = [&](const std::string& name) {
    for (const Variant& variant : variants)
      if (variant.name == name) return median(variant.cpu_ms);
    return 0.0;
  };
  std::printf("\nstatic true, sandbox / fork + exec: %.2f (goal: at most 2)\n",
              cpu("static true: sandbox") / cpu("static true: fork + exec"));
  if (has_bwrap)
    std::printf("small Python, bubblewrap / zygote: %.2f (goal: at least 6)\n",
                cpu("small Python: bubblewrap + python3") / cpu("small Python: zygote"));
  std::printf("C++, sandbox compile + run / g++: %.2f (goal of the compilation: at most 0.5)\n",
              cpu("C++ compile + run: sandbox") / cpu("C++ compile: g++ -O2"));
  std::printf("small Python by zygote, %u at once: %.0f a second\n", box.jobs_at_once(),
              throughput(box, python, 20 * rounds));
  std::filesystem::remove_all(folder);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_sandbox: %s\n", error.what());
  return 1;
}
