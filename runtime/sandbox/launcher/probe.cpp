#include "runtime/sandbox/launcher/probe.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

namespace thespis::sandbox {
namespace {

void say(const std::string& line) {
  if (::write(1, line.data(), line.size()) < 0) ::_exit(1);
}

void verdict(Layer layer, const char* got_through) {
  say(std::string(name_of(layer)) + ": " + (got_through == nullptr ? "ok" : got_through) + "\n");
}

bool opens(const char* path, int flags) {
  const int file = ::open(path, flags | O_CLOEXEC);
  if (file >= 0) ::close(file);
  return file >= 0;
}

const char* look_at_files() {
  if (opens("/etc/shadow", O_RDONLY) || opens("/proc/1/environ", O_RDONLY)) return "reads secrets";
  for (const char* path : {"/home", "/root", "/var", "/sys", "/proc"})
    if (opens(path, O_RDONLY)) return "sees the host's directories";
  for (const char* path : {"/usr/written", "/etc/written", "/written", "/box/written"})
    if (opens(path, O_WRONLY | O_CREAT)) return "writes outside its directory";
  if (!opens("written", O_WRONLY | O_CREAT)) return "cannot write in its directory";
  return nullptr;
}

const char* look_at_network() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  if (socket < 0) return nullptr;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(1);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* at = reinterpret_cast<const sockaddr*>(&address);
  // In an empty namespace even the loopback device is down; outside, it says "refused".
  const bool reached = ::connect(socket, at, sizeof address) == 0 || errno == ECONNREFUSED;
  ::close(socket);
  return reached ? "reaches the host's addresses" : nullptr;
}

const char* look_at_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return "capget fails";
  for (const auto& set : sets)
    if ((set.effective | set.permitted | set.inheritable) != 0) return "has capabilities";
  if (::mount("x", ".", "tmpfs", 0, nullptr) == 0) return "mounts";
  return nullptr;
}

const char* look_at_rlimits(const Limits& limits) {
  rlimit value{};
  ::getrlimit(RLIMIT_FSIZE, &value);
  if (value.rlim_max != limits.file_bytes) return "file size is not limited";
  ::getrlimit(RLIMIT_CPU, &value);
  if (value.rlim_max == RLIM_INFINITY) return "processor time is not limited";
  value = {RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_CPU, &value) == 0) return "raises its limits";
  return nullptr;
}

void look_at_walls(const Box& box) {
  verdict(Layer::kUser, ::getuid() == kInsideId && ::setuid(0) != 0 ? nullptr : "can be root");
  verdict(Layer::kMount, look_at_files());
  verdict(Layer::kPid, ::getpid() == 2 && ::getppid() == 1 ? nullptr : "sees other processes");
  // Whatever the host has of this kind would be seen here.
  const int segment = ::shmget(0x7e5915, 4096, IPC_CREAT | IPC_EXCL | 0600);
  verdict(Layer::kIpc, segment == 0 || segment == -1 ? nullptr : "sees shared segments");
  utsname names{};
  ::uname(&names);
  verdict(Layer::kUts, std::strcmp(names.nodename, "box") == 0 ? nullptr : "sees the host's name");
  verdict(Layer::kNetwork, look_at_network());
  verdict(Layer::kCapabilities, look_at_capabilities());
  verdict(Layer::kRlimits, look_at_rlimits(box.request->limits));
  verdict(Layer::kLandlock, opens("/", O_RDONLY) ? "lists the root" : nullptr);
}

void touch(size_t mib) {
  const size_t bytes = mib << 20;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(12);
  std::memset(memory, 1, bytes);
  say("touched\n");
}

void start_processes(long count) {
  long started = 0;
  for (; started < count; ++started) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0)
      for (;;) ::pause();
  }
  say(std::to_string(started) + "\n");
}

void spin(long count) {
  for (long i = 1; i < count; ++i)
    if (::fork() == 0) break;
  for (volatile unsigned long turns = 0;;) turns = turns + 1;
}

void leave_survivor() {
  if (::fork() != 0) return;
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
  ::setsid();
  for (;;) ::pause();
}

}  // namespace

void probe_main(const Box& box) {
  const std::string name = box.argv[0];
  const long number = box.argv[1] == nullptr ? 0 : std::strtol(box.argv[1], nullptr, 10);
  if (name == "walls") look_at_walls(box);
  if (name == "seccomp") ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
  if (name == "memory") touch(static_cast<size_t>(number));
  if (name == "processes") start_processes(number);
  if (name == "cpu") spin(number);
  if (name == "survivor") leave_survivor();
  ::_exit(0);
}

}  // namespace thespis::sandbox
