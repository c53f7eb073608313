// Goal: limits are written and readings read as each version of cgroups has them, and none where
// there is none; which limit a run passed is told right (PA-1), a run that was kept from running is
// no verdict.
// Method: files in a temporary directory stand for the kernel's.

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "runtime/sandbox/launcher/cgroups.hpp"
#include "runtime/sandbox/launcher/patience.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::sandbox;
using Catch::Approx;
namespace fs = std::filesystem;

namespace {

class Files {
 public:
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(at(path)).parent_path());
    std::ofstream(at(path)) << text;
  }
  std::string read(const std::string& path) const {
    std::ifstream file(at(path));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string at(const std::string& path) const { return directory_.path() + "/" + path; }

 private:
  test::TemporaryDirectory directory_;
};

/// A keeper's setup whose files lie in a directory.
struct Slot {
  Files files;
  KeeperSetup setup;
  std::vector<Descriptor> opened;

  explicit Slot(bool second) {
    setup.descriptors.fill(-1);
    setup.cgroup_v2 = second;
  }
  void open(KeeperFd which, const std::string& name, const std::string& text) {
    files.write(name, text);
    opened.emplace_back(::open(files.at(name).c_str(), O_RDWR | O_CLOEXEC));
    setup.fd(which) = opened.back().get();
  }
};

Layers all_layers() {
  Layers layers;
  for (const Layer layer : {Layer::kMemory, Layer::kProcesses, Layer::kCpu}) layers.add(layer);
  return layers;
}

std::string own_group() {
  return "thespis-" + std::to_string(::getpid());
}

constexpr uint64_t kMiB = 1ULL << 20;

}  // namespace

TEST_CASE("meter: limits and readings of cgroup version 1", "[runtime][sandbox]") {
  Slot slot(false);
  slot.open(KeeperFd::kMemoryLimit, "memory.limit_in_bytes", "");
  slot.open(KeeperFd::kMemoryPeak, "memory.max_usage_in_bytes", "");
  slot.open(KeeperFd::kMemoryUsage, "memory.usage_in_bytes", "1000000\n");
  slot.open(KeeperFd::kMemoryEvents, "memory.oom_control", "under_oom 0\noom_kill 3\n");
  slot.open(KeeperFd::kPidsMax, "pids.max", "");
  slot.open(KeeperFd::kCpuUsage, "cpuacct.usage", "5000000000\n");
  Meter meter(slot.setup);
  Limits limits;
  limits.memory_bytes = 64 * kMiB;
  limits.processes = 10;
  REQUIRE(meter.begin(limits, all_layers()) == 0);
  CHECK(slot.files.read("memory.limit_in_bytes") == std::to_string(72 * kMiB));  // With the keeper.
  CHECK(slot.files.read("pids.max") == "12");  // With the keeper and the init.
  slot.files.write("cpuacct.usage", "5250000000\n");
  CHECK(meter.cpu_s() == Approx(0.25));
  slot.files.write("memory.max_usage_in_bytes", "41000000\n");
  CHECK(meter.memory_peak_bytes() == 40'000'000);
  CHECK_FALSE(meter.ran_out_of_memory(limits, false));
  slot.files.write("memory.oom_control", "under_oom 0\noom_kill 4\n");
  CHECK(meter.ran_out_of_memory(limits, false));
  CHECK_FALSE(meter.ran_out_of_memory(limits, false));  // Told once.
}

TEST_CASE("meter: limits and readings of cgroup version 2", "[runtime][sandbox]") {
  Slot slot(true);
  slot.open(KeeperFd::kMemoryLimit, "memory.max", "");
  slot.open(KeeperFd::kMemoryEvents, "memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n");
  slot.open(KeeperFd::kPidsMax, "pids.max", "");
  slot.open(KeeperFd::kCpuUsage, "cpu.stat", "usage_usec 1000000\nuser_usec 900000\n");
  slot.open(KeeperFd::kPidsCurrent, "pids.current", "1\n");
  Meter meter(slot.setup);
  Limits limits;
  limits.memory_bytes = 32 * kMiB;
  REQUIRE(meter.begin(limits, all_layers()) == 0);
  CHECK(slot.files.read("memory.max") == std::to_string(40 * kMiB));
  slot.files.write("cpu.stat", "usage_usec 1750000\nuser_usec 900000\n");
  CHECK(meter.cpu_s() == Approx(0.75));
  slot.files.write("memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\n");
  CHECK(meter.ran_out_of_memory(limits, false));
  CHECK(meter.kill_survivors() == 0);
}

TEST_CASE("meter: without cgroups nothing is limited or read", "[runtime][sandbox]") {
  Slot slot(false);
  Meter meter(slot.setup);
  const Limits limits;
  REQUIRE(meter.begin(limits, {}) == 0);
  CHECK_FALSE(meter.cpu_s());
  CHECK(meter.memory_peak_bytes() == 0);
  CHECK_FALSE(meter.ran_out_of_memory(limits, false));
  CHECK(meter.kill_survivors() == 0);
}

TEST_CASE("PA-1: a run that got no processor time is no verdict on the program",
          "[runtime][sandbox]") {
  Slot slot(true);
  slot.open(KeeperFd::kPressure, "cpu.pressure", "some avg10=0.00 total=0\n");
  slot.open(KeeperFd::kCpuUsage, "cpu.stat", "usage_usec 0\n");
  const auto starved_for = [&](double seconds) {
    slot.files.write(
        "cpu.pressure",
        "some avg10=90.00 total=" + std::to_string(static_cast<uint64_t>(seconds * 1e6)) + "\n");
  };
  Limits limits;
  limits.cpu_s = 1;
  limits.wall_s = 2;
  Meter meter(slot.setup);
  REQUIRE(meter.begin(limits, all_layers()) == 0);
  const auto look = [&](double elapsed_s) { return look_at(limits, 2, elapsed_s, meter, 0); };
  CHECK(look(0).found == Look::Found::kWithin);
  CHECK(look(0.06).found == Look::Found::kWithin);
  starved_for(1.5);
  const Look at_limit = look(2.0);  // It ran for half a second of the two.
  CHECK(at_limit.found == Look::Found::kWithin);
  CHECK(at_limit.wait_s > 0);
  SECTION("it gets what it was kept from, and no more") {
    CHECK(look(3.6).found == Look::Found::kOverWall);
  }
  SECTION("ten times its limit without a processor: the machine had no time for it") {
    starved_for(21);
    CHECK(look(21.9).found == Look::Found::kWithin);
    CHECK(look(22.1).found == Look::Found::kStarved);
  }
}

TEST_CASE("PA-1: what a run used up ends it, be it starved or not", "[runtime][sandbox]") {
  Slot slot(true);
  slot.open(KeeperFd::kCpuUsage, "cpu.stat", "usage_usec 0\n");
  Limits limits;
  limits.cpu_s = 1;
  limits.wall_s = 10;
  Meter meter(slot.setup);
  REQUIRE(meter.begin(limits, all_layers()) == 0);
  slot.files.write("cpu.stat", "usage_usec 990000\n");
  CHECK(look_at(limits, 2, 1.0, meter, 0).found == Look::Found::kWithin);
  slot.files.write("cpu.stat", "usage_usec 1000001\n");
  CHECK(look_at(limits, 2, 1.0, meter, 0).found == Look::Found::kOverCpu);
}

TEST_CASE("PA-1: without cgroups the waiting of init and job is what counts",
          "[runtime][sandbox]") {
  Slot slot(false);
  slot.files.write("proc/70/schedstat", "1000 500000000 3\n");
  slot.files.write("proc/70/task/70/children", "71 \n");
  slot.files.write("proc/71/schedstat", "1000 1500000000 3\n");
  slot.opened.emplace_back(::open(slot.files.at("proc").c_str(), O_RDONLY | O_DIRECTORY));
  slot.setup.fd(KeeperFd::kProc) = slot.opened.back().get();
  Limits limits;
  limits.cpu_s = 100;
  limits.wall_s = 1;
  Meter meter(slot.setup);
  REQUIRE(meter.begin(limits, {}) == 0);
  CHECK(meter.starved_s(70) == Approx(2.0));
  CHECK(look_at(limits, 1, 2.9, meter, 70).found == Look::Found::kWithin);
  CHECK(look_at(limits, 1, 3.1, meter, 70).found == Look::Found::kOverWall);
  slot.files.write("proc/71/schedstat", "1000 9500000000 3\n");
  CHECK(look_at(limits, 1, 11.1, meter, 70).found == Look::Found::kStarved);
}

TEST_CASE("cgroups: version 1 is used where it has the controllers", "[runtime][sandbox]") {
  const Files files;
  std::string mounts;
  for (const char* controller : {"memory", "pids", "cpu,cpuacct"}) {
    const std::string name = std::string("v1-") + controller;
    mounts += "cgroup " + files.at(name) + " cgroup rw," + controller + " 0 0\n";
    fs::create_directories(files.at(name + "/ours"));
  }
  files.write("self/mounts", mounts);
  files.write("self/cgroup", "3:memory:/ours\n2:pids:/ours\n1:cpu,cpuacct:/ours\n");
  const auto slot_file = [&](const char* controller, const char* name) {
    return std::string("v1-") + controller + "/ours/" + own_group() + "/slot-4/" + name;
  };
  for (const char* name : {"memory.limit_in_bytes", "memory.max_usage_in_bytes", "cgroup.procs"})
    files.write(slot_file("memory", name), "");
  files.write(slot_file("pids", "pids.max"), "");
  files.write(slot_file("cpu,cpuacct", "cpuacct.usage"), "17\n");
  for (const char* controller : {"pids", "cpu,cpuacct"})
    files.write(slot_file(controller, "cgroup.procs"), "");
  Cgroups cgroups;
  cgroups.open(files.at("self"));
  for (const char* controller : {"memory", "pids", "cpu"}) {
    CHECK(cgroups.has(controller));
    CHECK(cgroups.detail(controller) == "cgroup v1");
  }
  CHECK_FALSE(cgroups.is_v2());
  KeeperSetup setup;
  std::vector<Descriptor> opened;
  REQUIRE(cgroups.open_slot(4, setup, opened).empty());
  for (const KeeperFd fd : {KeeperFd::kMemoryLimit, KeeperFd::kMemoryPeak, KeeperFd::kPidsMax,
                            KeeperFd::kCpuUsage, KeeperFd::kPidsList})
    CHECK(setup.fd(fd) >= 0);
  CHECK(setup.fd(KeeperFd::kPressure) == -1);
  constexpr pid_t kNobody = 4194305;  // Above what a process can have.
  REQUIRE(cgroups.place(4, kNobody).empty());
  for (const char* controller : {"memory", "pids", "cpu,cpuacct"})
    CHECK(files.read(slot_file(controller, "cgroup.procs")) == "4194305");
  for (const char* controller : {"memory", "pids", "cpu,cpuacct"})  // Nobody to be waited for.
    files.write(slot_file(controller, "cgroup.procs"), "");
}

TEST_CASE("cgroups: version 2 is used where it has the controllers, and says why not",
          "[runtime][sandbox]") {
  const Files files;
  const bool delegated = GENERATE(true, false);
  files.write("self/mounts", "cgroup2 " + files.at("v2") + " cgroup2 rw 0 0\n");
  files.write("self/cgroup", "0::/ours\n");
  files.write("v2/ours/cgroup.controllers", "cpuset cpu io memory pids\n");
  const std::string top = "v2/ours/" + own_group();
  files.write(top + "/cgroup.subtree_control", "");
  if (delegated) files.write("v2/ours/cgroup.subtree_control", "");
  for (const char* name : {"memory.max", "memory.peak", "memory.events", "pids.max", "pids.current",
                           "cpu.stat", "cpu.pressure", "cgroup.procs", "cgroup.kill"})
    files.write(top + "/slot-0/" + name, "");
  Cgroups cgroups;
  cgroups.open(files.at("self"));
  CHECK(cgroups.is_v2() == delegated);
  CHECK(cgroups.has("memory") == delegated);
  KeeperSetup setup;
  std::vector<Descriptor> opened;
  REQUIRE(cgroups.open_slot(0, setup, opened).empty());
  CHECK(setup.fd(KeeperFd::kPressure) >= 0);
  CHECK(setup.fd(KeeperFd::kPidsList) >= 0);
  CHECK((setup.fd(KeeperFd::kMemoryLimit) >= 0) == delegated);
  CHECK((setup.fd(KeeperFd::kCpuUsage) >= 0) == delegated);
  if (!delegated) {
    CHECK(cgroups.detail("memory").find("must be delegated") != std::string::npos);
    return;
  }
  CHECK(cgroups.detail("memory") == "cgroup v2");
  CHECK(files.read("v2/ours/cgroup.subtree_control") == "+memory +pids +cpu");
  CHECK(files.read(top + "/cgroup.subtree_control") == "+memory +pids +cpu");
}

TEST_CASE("cgroups: a slot is killed, by the kernel's file and by name", "[runtime][sandbox]") {
  const Files files;
  files.write("self/mounts", "cgroup2 " + files.at("v2") + " cgroup2 rw 0 0\n");
  files.write("self/cgroup", "0::/\n");
  const std::string slot = "v2/" + own_group() + "/slot-0/";
  files.write(slot + "cgroup.procs", "");
  files.write(slot + "cgroup.kill", "");
  Cgroups cgroups;
  cgroups.open(files.at("self"));
  KeeperSetup setup;
  std::vector<Descriptor> opened;
  REQUIRE(cgroups.open_slot(0, setup, opened).empty());
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  files.write(slot + "cgroup.procs", std::to_string(child) + "\n");
  cgroups.kill(0, 5);
  CHECK(files.read(slot + "cgroup.kill") == "1");
  while (::kill(child, 0) == 0) ::waitpid(child, nullptr, 0);
  files.write(slot + "cgroup.procs", "");
}

TEST_CASE("cgroups: none is told as none; groups of launchers that are gone are removed",
          "[runtime][sandbox]") {
  const Files files;
  files.write("self/mounts", "proc /proc proc rw 0 0\n");
  files.write("self/cgroup", "");
  {
    Cgroups cgroups;
    cgroups.open(files.at("self"));
    for (const char* controller : {"memory", "pids", "cpu"}) {
      CHECK_FALSE(cgroups.has(controller));
      CHECK(cgroups.detail(controller) == "no cgroup has it");
    }
    KeeperSetup setup;
    std::vector<Descriptor> opened;
    REQUIRE(cgroups.open_slot(0, setup, opened).empty());
    CHECK(opened.empty());
    CHECK(setup.fd(KeeperFd::kMemoryLimit) == -1);
    CHECK(cgroups.place(0, ::getpid()).empty());
    cgroups.kill(0, 0);
  }
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  REQUIRE(::waitpid(gone, nullptr, 0) == gone);
  fs::create_directories(files.at("v2/thespis-" + std::to_string(gone) + "/slot-3"));
  fs::create_directories(files.at("v2/thespis-1/slot-0"));
  files.write("self/mounts", "cgroup2 " + files.at("v2") + " cgroup2 rw 0 0\n");
  files.write("self/cgroup", "0::/\n");
  {
    Cgroups cgroups;
    cgroups.open(files.at("self"));
    CHECK_FALSE(fs::exists(files.at("v2/thespis-" + std::to_string(gone))));
    CHECK(fs::exists(files.at("v2/thespis-1")));
    CHECK(fs::exists(files.at("v2/" + own_group())));
  }
  CHECK_FALSE(fs::exists(files.at("v2/" + own_group())));
}
