// Claims: any number of jobs leaves no process, descriptor, mount, cgroup directory or memory
// behind; eight times as many jobs at once as processors change no verdict.
// Prints counts before and after THESPIS_SOAK_JOBS jobs (20000; 200000 for the long form), some of
// them hostile, then the verdicts of THESPIS_SOAK_PROGRAMS programs (1000) at one job and at eight
// for each processor.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/sandbox/sandbox.hpp"

using namespace thespis;
using namespace thespis::sandbox;
namespace fs = std::filesystem;

namespace {

size_t count_entries(const fs::path& folder) {
  std::error_code none;
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder, none), {}));
}

std::map<std::string, long> status_of(const std::string& process) {
  std::map<std::string, long> fields;
  std::ifstream status("/proc/" + process + "/status");
  for (std::string line; std::getline(status, line);) {
    const size_t colon = line.find(':');
    if (colon != line.npos)
      fields[line.substr(0, colon)] = std::strtol(&line[colon + 1], nullptr, 10);
  }
  return fields;
}

struct Counts {
  long processes = 0, descriptors = 0, mounts = 0, cgroups = 0;
  long own_kib = 0, others_kib = 0;
  long host_processes = 0;
};

Counts count() {
  Counts counts;
  const std::string self = std::to_string(::getpid());
  std::map<std::string, std::string> parents;
  std::map<std::string, long> resident;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    ++counts.host_processes;
    auto fields = status_of(name);
    parents[name] = std::to_string(fields["PPid"]);
    resident[name] = fields["VmRSS"];
  }
  for (const auto& [process, parent] : parents) {
    std::string at = process;
    while (at != self && at != "0" && parents.contains(at)) at = parents[at];
    if (at != self) continue;
    const bool own = process == self;
    (own ? counts.own_kib : counts.others_kib) += resident[process];
    if (own) continue;
    ++counts.processes;
    counts.descriptors += static_cast<long>(count_entries("/proc/" + process + "/fd"));
    std::ifstream mounts("/proc/" + process + "/mounts");
    counts.mounts += std::count(std::istreambuf_iterator<char>(mounts), {}, '\n');
  }
  counts.descriptors += static_cast<long>(count_entries("/proc/self/fd"));
  std::error_code none;
  for (auto entry = fs::recursive_directory_iterator("/sys/fs/cgroup", none);
       entry != fs::recursive_directory_iterator(); entry.increment(none))
    counts.cgroups +=
        entry->is_directory(none) && entry->path().string().find("/thespis-") != std::string::npos;
  return counts;
}

void print(const char* when, const Counts& counts) {
  std::printf("%-16s %10ld %12ld %7ld %8ld %10ld %10ld\n", when, counts.processes,
              counts.descriptors, counts.mounts, counts.cgroups, counts.own_kib, counts.others_kib);
}

struct Kind {
  const char* source;
  bool zygote;
  Ending ending;
};

constexpr Kind kSoak[] = {
    {"print(sum(range(100)))", true, Ending::kExited},
    {"import os\nfor i in range(5):\n  if os.fork() == 0:\n    os.setsid(); "
     "__import__('time').sleep(99)",
     true, Ending::kExited},
    {"import os; os.abort()", true, Ending::kSignal},
    {"print('x' * 100000)", true, Ending::kOutputLimit},
    {"open('f', 'w').write('x' * 1000000)", true, Ending::kExited},
    {"import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", true, Ending::kRefusedCall},
    {"print(1)", false, Ending::kExited},
    {"import os\nif os.fork() == 0:\n  os.setsid()\n  while True: pass", false, Ending::kExited}};

constexpr Kind kLoad[] = {
    {"import time\nwhile time.process_time() < 0.06: pass\nprint('done')", true, Ending::kExited},
    {"while True: pass", true, Ending::kCpuLimit},
    {"import time\nwhile time.process_time() < 0.1: pass\nprint('done')", true, Ending::kExited},
    {"a = []\nwhile True: a.append(bytearray(1 << 20))", true, Ending::kMemoryLimit},
    {"raise ValueError", true, Ending::kExited},
    {"import time\ntime.sleep(0.05)", true, Ending::kExited},
    {"print('x' * 100000)", true, Ending::kOutputLimit},
    {"import sys; sys.exit(3)", false, Ending::kExited}};

size_t number(const char* name, size_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoul(text, nullptr, 10) : otherwise;
}

/// Runs `jobs` jobs of these kinds in turn; how many ended otherwise than they should.
size_t run_all(Sandbox& box, std::span<const Kind> kinds, size_t jobs, double cpu_s,
               std::map<std::string, size_t>& endings) {
  std::vector<Job> prepared;
  for (const Kind& kind : kinds) {
    Job job;
    job.program = std::make_shared<Program>(Program{"python", kind.source, {}});
    job.zygote = kind.zygote;
    job.limits.cpu_s = cpu_s;
    job.limits.wall_s = 20;
    job.limits.memory_bytes = 48ULL << 20;
    job.limits.output_bytes = 50000;
    prepared.push_back(std::move(job));
  }
  size_t started = 0, ended = 0, wrong = 0;
  while (ended < jobs) {
    for (; started < jobs && started - ended < 2 * box.jobs_at_once(); ++started) {
      const size_t kind = started % kinds.size();
      const uint64_t id = box.run(prepared[kind], [&, kind](const Outcome& outcome) {
        ++ended;
        ++endings[name_of(outcome.ending)];
        if (outcome.ending == kinds[kind].ending && outcome.survivors == 0) return;
        if (++wrong <= 5)
          std::printf("unexpected: %s (%s), %s\n", name_of(outcome.ending), outcome.detail.c_str(),
                      kinds[kind].source);
      });
      if (id == 0) throw Error("the queue is full");
    }
    box.poll(-1);
  }
  return wrong;
}

}  // namespace

int main() try {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const size_t jobs = number("THESPIS_SOAK_JOBS", 20000);
  const size_t programs = number("THESPIS_SOAK_PROGRAMS", 1000);
  std::map<std::string, size_t> endings;
  size_t wrong = 0;
  std::printf("%-16s %10s %12s %7s %8s %10s %10s\n", "", "processes", "descriptors", "mounts",
              "cgroups", "host KiB", "other KiB");
  const long host_before = count().host_processes;
  {
    Sandbox box;
    wrong += run_all(box, kSoak, 16 * box.jobs_at_once(), 2, endings);  // Everything has begun.
    print("before", count());
    const auto start = Clock::now();
    wrong += run_all(box, kSoak, jobs, 2, endings);
    const double seconds = since(start);
    print("after", count());
    std::printf("%zu jobs, %.0f a second, %zu ended otherwise than they should\n", jobs,
                static_cast<double>(jobs) / seconds, wrong);
  }
  const Counts end = count();
  print("sandbox gone", end);
  std::printf("processes of the host: %ld before, %ld now\n\n", host_before, end.host_processes);
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  for (const unsigned times : {1U, 8U}) {
    Options options;
    options.jobs_at_once = processors * times;
    Sandbox box(std::move(options));
    endings.clear();
    const auto start = Clock::now();
    const size_t flips = run_all(box, kLoad, programs, 0.2, endings);
    wrong += flips;
    std::printf("%u for each processor: %zu programs in %.0f s, %zu wrong verdicts;", times,
                programs, since(start), flips);
    for (const auto& [name, times_seen] : endings) std::printf(" %s %zu", name.c_str(), times_seen);
    std::printf("\n");
  }
  return wrong == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_sandbox_soak: %s\n", error.what());
  return 1;
}
