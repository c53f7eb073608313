#include "runtime/sandbox/launcher/launcher.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "runtime/sandbox/launcher/filter.hpp"
#include "runtime/sandbox/launcher/images.hpp"
#include "runtime/sandbox/launcher/landlock.hpp"
#include "runtime/sandbox/launcher/root.hpp"

namespace thespis::sandbox {
namespace {

/// Outside ids of slots: far from anybody's, where this user namespace has so many.
constexpr uint64_t kFirstUser = 0x70000000, kUsers = 4096;
constexpr uint64_t kInstalledBytesMax = 512ULL << 20;

std::string reason(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

/// Whether `flags` can be unshared, found in a child.
int try_unshare(int flags) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(::unshare(flags) == 0 ? 0 : errno);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

std::string write_file(int directory, const std::string& path, const std::string& text) {
  const Descriptor file(::openat(directory, path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return {};
  return reason(path.c_str());
}

/// The first id for slots among those that this user namespace has; 0: too few.
uint32_t first_user() {
  std::ifstream map("/proc/self/uid_map");
  uint64_t best = 0;
  for (uint64_t inside = 0, outside = 0, count = 0; map >> inside >> outside >> count;) {
    if (inside <= kFirstUser && inside + count >= kFirstUser + kUsers) return kFirstUser;
    if (count > 2 * kUsers) best = inside + count - kUsers;
  }
  return static_cast<uint32_t>(best);
}

}  // namespace

Launcher::Launcher(Layers without) {
  setup_.descriptors.fill(-1);
  setup_.processors = std::max(1U, std::thread::hardware_concurrency());
  proc_ = Descriptor(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  prepare_cgroups(without);
  enter_namespaces(without);
  prepare_root(without);
  prepare_filters(without);
}

void Launcher::found(Layer layer, bool holds, std::string detail) {
  if (holds) setup_.layers.add(layer);
  reports_.push_back({layer, holds ? LayerState::kHolds : LayerState::kMissing, std::move(detail)});
}

void Launcher::prepare_cgroups(Layers without) {
  cgroups_.open();
  setup_.cgroup_v2 = cgroups_.is_v2();
  const std::pair<Layer, const char*> rows[] = {
      {Layer::kMemory, "memory"}, {Layer::kProcesses, "pids"}, {Layer::kCpu, "cpu"}};
  for (const auto& [layer, controller] : rows) {
    const bool wanted = !without.has(layer);
    found(layer, wanted && cgroups_.has(controller),
          wanted ? cgroups_.detail(controller) : "left out");
  }
}

void Launcher::map_self(unsigned user, unsigned group) {
  // Groups cannot be given up by who has no right to change them.
  for (const auto& [file, text] : {std::pair{"self/setgroups", std::string("deny")},
                                   std::pair{"self/uid_map", "0 " + std::to_string(user) + " 1"},
                                   std::pair{"self/gid_map", "0 " + std::to_string(group) + " 1"}})
    write_file(proc_.get(), file, text);
}

void Launcher::enter_namespaces(Layers without) {
  struct Row {
    Layer layer;
    int flag;
  };
  constexpr Row kOfKeepers[] = {{Layer::kUser, CLONE_NEWUSER},
                                {Layer::kPid, CLONE_NEWPID},
                                {Layer::kIpc, CLONE_NEWIPC},
                                {Layer::kUts, CLONE_NEWUTS},
                                {Layer::kCgroupView, CLONE_NEWCGROUP}};
  const unsigned user = ::getuid(), group = ::getgid();
  // Without rights of our own, a user namespace gives us those that the others need.
  if (try_unshare(CLONE_NEWNS) != 0 && !without.has(Layer::kUser) &&
      ::unshare(CLONE_NEWUSER) == 0) {
    map_self(user, group);
    in_user_namespace_ = true;
  } else {
    first_user_ = first_user();
  }
  for (const Row& row : kOfKeepers) {
    // Where a keeper has a user namespace, that is what gives it the right to the others.
    const int error = without.has(row.layer) ? ECANCELED : try_unshare(row.flag | CLONE_NEWUSER);
    found(row.layer, error == 0,
          error == ECANCELED ? "left out"
          : error != 0       ? std::string("refused: ") + std::strerror(error)
                             : "a namespace");
  }
  if (without.has(Layer::kNetwork)) {
    found(Layer::kNetwork, false, "left out");
  } else if (::unshare(CLONE_NEWNET) == 0) {
    found(Layer::kNetwork, true, "an empty namespace");
  } else {
    found(Layer::kNetwork, false, reason("refused"));
  }
}

void Launcher::prepare_root(Layers without) {
  std::string error = "left out";
  if (!without.has(Layer::kMount)) {
    error = ::unshare(CLONE_NEWNS) == 0 ? enter_prepared_root(writable_root_)
                                        : reason("mount namespace");
  }
  found(Layer::kMount, error.empty(), error.empty() ? "a prepared, read-only root" : error);
}

void Launcher::prepare_filters(Layers without) {
  LandlockRules rules{-1, "left out"};
  if (!without.has(Layer::kLandlock)) rules = build_landlock();
  landlock_ = Descriptor(rules.descriptor);
  found(Layer::kLandlock, rules.descriptor >= 0, rules.detail);
  const int error = without.has(Layer::kSeccomp) ? ECANCELED : build_filter(setup_);
  found(Layer::kSeccomp, error == 0,
        error == ECANCELED ? "left out"
        : error != 0       ? std::string("refused: ") + std::strerror(error)
                           : std::to_string(setup_.filter_length) + " instructions");
  for (const Layer layer : {Layer::kCapabilities, Layer::kRlimits})
    found(layer, !without.has(layer), without.has(layer) ? "left out" : "set for each job");
}

LauncherReply Launcher::answer(const LauncherRequest& request, Descriptor attached) {
  LauncherReply reply;
  switch (request.call) {
    case LauncherCall::kHello:
      reply.layers = reports_;
      break;
    case LauncherCall::kInstall:
      if (!writable_root_) {
        reply.error = "there is no prepared root";
      } else if (!attached) {
        reply.error = "nothing to install";
      } else {
        reply.error =
            install_file(writable_root_, request.path, attached.get(), kInstalledBytesMax);
        constexpr std::string_view kModules = "python/", kSuffix = ".py";
        if (request.path.starts_with(kModules) && request.path.ends_with(kSuffix))
          modules_.push_back(request.path.substr(
              kModules.size(), request.path.size() - kModules.size() - kSuffix.size()));
      }
      break;
    case LauncherCall::kStartZygote:
      reply.error = start_zygote();
      break;
    case LauncherCall::kKeeper:
      reply.error = start_keeper(request, attached);
      if (reply.error.empty()) reply.process = keepers_.at(request.slot);
      break;
    case LauncherCall::kKill:
      kill_keeper(request.slot);
      break;
  }
  return reply;
}

pid_t Launcher::clone_keeper(KeeperSetup& setup, bool zygote) {
  if (!zygote) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    keeper_main(setup, nullptr);
  }
  std::vector<int> descriptors;
  for (const int fd : setup.descriptors)
    if (fd >= 0) descriptors.push_back(fd);
  const std::string_view bytes(reinterpret_cast<const char*>(&setup), sizeof setup);
  int child = -1;
  if (!zygote_ || !send_all(zygote_.get(), bytes, descriptors) ||
      ::read(zygote_.get(), &child, sizeof child) != sizeof child) {
    errno = ESRCH;
    return -1;
  }
  if (child < 0) errno = -child;
  return child;
}

std::string Launcher::start_keeper(const LauncherRequest& request, const Descriptor& jobs) {
  if (!jobs) return "no socket to serve";
  if (keepers_.contains(request.slot)) return "the slot is taken";
  KeeperSetup setup = setup_;
  std::vector<Descriptor> opened;
  if (std::string error = cgroups_.open_slot(request.slot, setup, opened); !error.empty())
    return error;
  SocketPair handshake = socket_pair(SOCK_SEQPACKET);
  if (!handshake.ours) return reason("socketpair");
  setup.fd(KeeperFd::kJobs) = jobs.get();
  setup.fd(KeeperFd::kLauncher) = handshake.theirs.get();
  setup.fd(KeeperFd::kProc) = proc_.get();
  setup.fd(KeeperFd::kLandlock) = landlock_.get();
  const pid_t keeper = clone_keeper(setup, request.zygote);
  if (keeper < 0) return reason("keeper");
  handshake.theirs.reset();  // So that its death is the end of the handshake.
  keepers_[request.slot] = keeper;
  std::string error = admit(request.slot, keeper, handshake.ours);
  if (!error.empty()) kill_keeper(request.slot);
  return error;
}

std::string Launcher::admit(uint32_t slot, pid_t keeper, const Descriptor& handshake) {
  if (std::string error = cgroups_.place(slot, keeper); !error.empty()) return error;
  const auto say = [&](char word) { return ::send(handshake.get(), &word, 1, MSG_NOSIGNAL) == 1; };
  const auto hear = [&](char word) {
    // A keeper that does not get here is dead, or stopped: nobody waits for it for ever.
    const timeval patience{10, 0};
    ::setsockopt(handshake.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char heard = 0;
    return ::recv(handshake.get(), &heard, 1, 0) == 1 && heard == word;
  };
  if (!say('c') || !hear('u')) return "the keeper could not make its namespaces";
  if (setup_.layers.has(Layer::kUser))
    if (std::string error = map_ids(slot, keeper); !error.empty()) return error;
  if (!say('m') || !hear('r') || !say('g')) return "the keeper could not become its slot's user";
  return {};
}

std::string Launcher::map_ids(uint32_t slot, pid_t keeper) {
  const std::string directory = std::to_string(keeper) + "/";
  const bool own = first_user_ == 0 || slot >= kUsers;
  // In our own user namespace we are 0; without one, and with too few ids, whoever we are.
  const uint32_t user = own ? ::getuid() : first_user_ + slot;
  const uint32_t group = own ? ::getgid() : first_user_ + slot;
  const std::string inside = std::to_string(kInsideId) + " ";
  std::string error;
  if (in_user_namespace_ || own) error = write_file(proc_.get(), directory + "setgroups", "deny");
  if (error.empty())
    error = write_file(proc_.get(), directory + "uid_map", inside + std::to_string(user) + " 1");
  if (error.empty())
    error = write_file(proc_.get(), directory + "gid_map", inside + std::to_string(group) + " 1");
  return error;
}

void Launcher::kill_keeper(uint32_t slot) {
  const auto keeper = keepers_.find(slot);
  if (keeper == keepers_.end()) return;
  ::kill(keeper->second, SIGKILL);
  // Its jobs die with it (each init asked for that); the group makes sure.
  constexpr int kPatienceMs = 2000;
  cgroups_.kill(slot, kPatienceMs);
  while (::waitpid(keeper->second, nullptr, 0) < 0 && errno == EINTR) {
  }
  keepers_.erase(keeper);
}

std::string Launcher::start_zygote() {
  constexpr const char* kPython = "/usr/bin/python3";
  if (::access(kPython, X_OK) != 0) return reason(kPython);
  const std::pair<const char*, std::string_view> files[] = {{"zygote/zygote.py", zygote_program()},
                                                            {"zygote/zygote.so", zygote_library()}};
  for (const auto& [path, bytes] : files) {
    const Descriptor file = sealed_file("zygote", bytes);
    if (!file) return reason(path);
    if (std::string error = install_file(writable_root_, path, file.get(), kInstalledBytesMax);
        !error.empty())
      return error;
  }
  SocketPair pair = socket_pair(SOCK_SEQPACKET);
  if (!pair.ours) return reason("socketpair");
  std::vector<std::string> words = {kPython,
                                    "-s",
                                    "-S",
                                    "/zygote/zygote.py",
                                    "/zygote/zygote.so",
                                    std::to_string(pair.theirs.get())};
  words.insert(words.end(), modules_.begin(), modules_.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  char path[] = "PYTHONPATH=/python", seed[] = "PYTHONHASHSEED=0",
       nothing[] = "PYTHONDONTWRITEBYTECODE=1", places[] = "PATH=/usr/bin:/bin",
       home[] = "HOME=/box/work", temporary[] = "TMPDIR=/tmp", language[] = "LANG=C.UTF-8",
       all[] = "LC_ALL=C.UTF-8";
  char* environment[] = {path, seed, nothing, places, home, temporary, language, all, nullptr};
  const pid_t child = ::fork();
  if (child < 0) return reason("fork");
  if (child == 0) {
    // It needs no right of ours: its children get theirs from their user namespaces.
    if (first_user_ != 0) {
      const uint32_t user = first_user_ + kUsers - 1;
      if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
          ::setresuid(user, user, user) != 0)
        ::_exit(126);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::fcntl(pair.theirs.get(), F_SETFD, 0);
    ::execve(kPython, argv.data(), environment);
    ::_exit(127);
  }
  pair.theirs.reset();
  const timeval patience{60, 0};
  ::setsockopt(pair.ours.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char ready = 0;
  if (::read(pair.ours.get(), &ready, 1) != 1) {
    ::kill(child, SIGKILL);
    return "the interpreter did not become a zygote";
  }
  zygote_ = std::move(pair.ours);
  return {};
}

}  // namespace thespis::sandbox
