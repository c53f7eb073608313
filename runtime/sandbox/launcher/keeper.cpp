#include "runtime/sandbox/launcher/keeper.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "runtime/sandbox/channel.hpp"
#include "runtime/sandbox/launcher/job.hpp"
#include "runtime/sandbox/launcher/run.hpp"

namespace thespis::sandbox {
namespace {

/// Frames of one host connection.
class Jobs {
 public:
  explicit Jobs(int socket) : socket_(socket) {}

  /// The next run with its descriptors; exits where the host is gone or sends nonsense.
  std::optional<RunRequest> next(std::vector<Descriptor>& descriptors) {
    FrameHeader header;
    char* raw = reinterpret_cast<char*>(&header);
    size_t have = 0;
    descriptors.clear();
    while (have < sizeof header) {
      Received got = receive(socket_, {raw + have, sizeof header - have}, kFrameDescriptorsMax, 0);
      if (got.bytes == 0) ::_exit(0);
      have += got.bytes;
      for (Descriptor& descriptor : got.descriptors) descriptors.push_back(std::move(descriptor));
    }
    if (header.kind != FrameKind::kRun) return std::nullopt;  // Came after its job's end.
    if (header.body_bytes > kFrameBytesMax) ::_exit(3);
    std::string body(header.body_bytes, '\0');
    for (have = 0; have < body.size();) {
      const Received got = receive(socket_, {body.data() + have, body.size() - have}, 0, 0);
      if (got.bytes == 0) ::_exit(0);
      have += got.bytes;
    }
    auto request = decode_request(body);
    ::explicit_bzero(body.data(), body.size());
    if (!request) ::_exit(3);
    return request;
  }

 private:
  int socket_;
};

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
}

void wipe(RunRequest& request) {
  for (std::string& argument : request.argv) wipe(argument);
  for (File& file : request.files) wipe(file.bytes);
}

void answer(int socket, RunReply& reply, const Descriptor& file) {
  FrameHeader header{FrameKind::kReply, 0};
  std::string body = encode(reply);
  header.body_bytes = static_cast<uint32_t>(body.size());
  const int fds[] = {file.get()};
  const std::string_view head(reinterpret_cast<const char*>(&header), sizeof header);
  const bool sent =
      send_all(socket, head, std::span(fds, file ? 1 : 0)) && send_all(socket, body, {});
  wipe(body);
  for (std::string* text : {&reply.outcome.output, &reply.outcome.errors, &reply.outcome.result})
    wipe(*text);
  if (!sent) ::_exit(0);
}

/// One byte each way: the launcher does for us what we may not do ourselves.
void exchange(int launcher, char say, char hear) {
  char heard = 0;
  if (say != 0 && ::write(launcher, &say, 1) != 1) ::_exit(4);
  if (::read(launcher, &heard, 1) != 1 || heard != hear) ::_exit(4);
}

/// Into namespaces of the slot's own, as a user of its own.
void enter_slot(const KeeperSetup& setup) {
  const int launcher = setup.fd(KeeperFd::kLauncher);
  exchange(launcher, 0, 'c');  // We are in our cgroup.
  int flags = 0;
  if (setup.layers.has(Layer::kUts)) flags |= CLONE_NEWUTS;
  if (setup.layers.has(Layer::kCgroupView)) flags |= CLONE_NEWCGROUP;
  if (setup.layers.has(Layer::kUser)) flags |= CLONE_NEWUSER;
  if (flags != 0 && ::unshare(flags) != 0) ::_exit(5);
  exchange(launcher, 'u', 'm');  // Our ids are mapped.
  if (setup.layers.has(Layer::kUser)) {
    const gid_t group = kInsideId;
    ::syscall(SYS_setgroups, 0, &group);  // Refused without root, where there are no others.
    if (::syscall(SYS_setresgid, group, group, group) != 0) ::_exit(6);
    if (::syscall(SYS_setresuid, kInsideId, kInsideId, kInsideId) != 0) ::_exit(6);
  }
  if (setup.layers.has(Layer::kUts) && ::sethostname("box", 3) != 0) ::_exit(7);
  if (setup.layers.has(Layer::kCapabilities) && forbid_capabilities() != 0) ::_exit(7);
  // Changing ids cleared both.
  ::prctl(PR_SET_DUMPABLE, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  exchange(launcher, 'r', 'g');
  ::close(launcher);
}

/// What else we inherited is nobody's business here.
void close_others(const KeeperSetup& setup) {
  std::vector<int> ours(setup.descriptors.begin(), setup.descriptors.end());
  std::ranges::sort(ours);
  unsigned first = 3;
  for (const int fd : ours) {
    if (fd < static_cast<int>(first)) continue;
    if (fd > static_cast<int>(first)) ::close_range(first, static_cast<unsigned>(fd) - 1, 0);
    first = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(first, ~0U, 0);
}

}  // namespace

void keeper_main(KeeperSetup& setup, void (*zygote)(const Box&)) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, "thespis-keeper");
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  close_others(setup);
  enter_slot(setup);
  setup.fd(KeeperFd::kLauncher) = -1;
  const int host = setup.fd(KeeperFd::kJobs);
  Jobs jobs(host);
  Runner runner(setup, zygote);
  std::vector<Descriptor> descriptors;
  for (;;) {
    auto request = jobs.next(descriptors);
    if (!request) continue;
    Descriptor file;
    RunReply reply = runner.run(*request, descriptors, file);
    descriptors.clear();
    wipe(*request);
    answer(host, reply, file);
  }
}

}  // namespace thespis::sandbox
