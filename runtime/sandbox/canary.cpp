#include "runtime/sandbox/canary.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "runtime/base/error.hpp"
#include "runtime/env/clock.hpp"

namespace thespis::sandbox {
namespace {

constexpr const char* kDirectory = "/var/tmp/thespis-canary";
constexpr const char* kLock = "/var/tmp/thespis-canary.lock";
constexpr std::array kFiles = {"canary.txt", "config", "tests.json"};
constexpr uint16_t kPort = 47123;
constexpr std::string_view kSocket("\0canary47123", 12);

[[noreturn]] void refuse(const char* what) {
  throw Error(std::string("canary: ") + what + ": " + std::strerror(errno));
}

Descriptor listen_at(int family, const sockaddr* address, socklen_t size) {
  Descriptor listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  constexpr int kBacklog = 16;
  if (!listener || ::bind(listener.get(), address, size) != 0 ||
      ::listen(listener.get(), kBacklog) != 0)
    refuse("its port or socket is taken");
  return listener;
}

bool was_reached(const Descriptor& listener) {
  bool reached = false;
  for (;;) {
    const Descriptor caller(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!caller) return reached;
    reached = true;
  }
}

/// Tells of each opening of the files, and by whom; empty where the system does not.
Descriptor watch_opens() {
  Descriptor group(::fanotify_init(FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC));
  constexpr uint64_t kEvents = FAN_OPEN | FAN_ACCESS | FAN_ONDIR | FAN_EVENT_ON_CHILD;
  if (group && ::fanotify_mark(group.get(), FAN_MARK_ADD, kEvents, AT_FDCWD, kDirectory) != 0)
    group.reset();
  return group;
}

/// True for a process that lives, is in no sandbox's cgroup, and does not descend from this one:
/// somebody who looks through the host's files. A program of a sandbox is one of these, or gone.
bool is_foreign(pid_t process) {
  std::ifstream groups("/proc/" + std::to_string(process) + "/cgroup");
  for (std::string line; std::getline(groups, line);)
    if (line.find("/thespis-") != line.npos) return false;
  while (process > 1 && process != ::getpid()) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    process = -1;
    for (std::string word; status >> word;)
      if (word == "PPid:") status >> process;
  }
  return process == 0 || process == 1;
}

}  // namespace

Canary::Canary() {
  lock_ = Descriptor(::open(kLock, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!lock_ || ::flock(lock_.get(), LOCK_EX) != 0) refuse(kLock);
  const double now = env::RealClock().wall_seconds();
  secret_ = "thespis-canary-secret-" + std::to_string(now) + "-" + std::to_string(::getpid());
  std::error_code error;
  std::filesystem::remove_all(kDirectory, error);
  if (!std::filesystem::create_directory(kDirectory, error)) refuse(kDirectory);
  for (const char* name : kFiles)
    std::ofstream(std::filesystem::path(kDirectory) / name) << secret_ << '\n';
  sockaddr_in port{};
  port.sin_family = AF_INET;
  port.sin_port = htons(kPort);
  port.sin_addr.s_addr = htonl(INADDR_ANY);
  port_ = listen_at(AF_INET, reinterpret_cast<const sockaddr*>(&port), sizeof port);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, kSocket.data(), kSocket.size());
  socket_ = listen_at(AF_UNIX, reinterpret_cast<const sockaddr*>(&name),
                      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + kSocket.size()));
  opens_ = watch_opens();
  changes_ = Descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  const uint32_t told = opens_ ? IN_OPEN | IN_ACCESS | IN_CLOSE : 0U;
  if (!changes_ || ::inotify_add_watch(changes_.get(), kDirectory, IN_ALL_EVENTS & ~told) < 0)
    refuse("cannot be watched");
}

Canary::~Canary() {
  std::error_code error;
  std::filesystem::remove_all(kDirectory, error);
}

std::vector<std::string> Canary::touched() {
  std::vector<std::string> found;
  if (was_reached(port_)) found.emplace_back("its port was reached");
  if (was_reached(socket_)) found.emplace_back("its abstract socket was reached");
  alignas(inotify_event) char changes[4096];
  while (::read(changes_.get(), changes, sizeof changes) > 0) {
    const auto* event = reinterpret_cast<const inotify_event*>(changes);
    found.push_back(std::string(event->len > 0 ? event->name : "its directory") +
                    " was opened or changed (" + std::to_string(event->mask) + ")");
  }
  alignas(fanotify_event_metadata) char opens[4096];
  for (;;) {
    ssize_t left = opens_ ? ::read(opens_.get(), opens, sizeof opens) : 0;
    if (left <= 0) break;
    const auto* event = reinterpret_cast<const fanotify_event_metadata*>(opens);
    for (; FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
      const Descriptor opened(event->fd);
      if (!is_foreign(event->pid))
        found.push_back("its files were opened by process " + std::to_string(event->pid));
    }
  }
  return found;
}

}  // namespace thespis::sandbox
