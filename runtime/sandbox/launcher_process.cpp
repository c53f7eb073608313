#include "runtime/sandbox/launcher_process.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "runtime/base/error.hpp"
#include "runtime/sandbox/embed.hpp"

THESPIS_EMBED(thespis_launcher_image, THESPIS_LAUNCHER_IMAGE);

namespace thespis::sandbox {
namespace {

/// Starting a launcher or an interpreter on a machine with other work takes its time.
constexpr timeval kPatience{20, 0}, kPatienceAtStart{90, 0};

[[noreturn]] void refuse(const std::string& what, int error) {
  throw Error("sandbox: " + what + ": " + std::strerror(error));
}

}  // namespace

LauncherProcess::LauncherProcess(Layers without) {
  const Descriptor image =
      sealed_file("thespis-launcher", THESPIS_EMBEDDED(thespis_launcher_image));
  if (!image) refuse("no memory for the launcher", errno);
  SocketPair pair = socket_pair(SOCK_SEQPACKET);
  if (!pair.ours) refuse("no socket for the launcher", errno);
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) refuse("no memory", ENOMEM);
  // It finds its socket where standard input would be.
  ::posix_spawn_file_actions_adddup2(&actions, pair.theirs.get(), 0);
  const std::string path = "/proc/self/fd/" + std::to_string(image.get());
  std::string name = "thespis-launcher", control = "0", bits = std::to_string(without.bits);
  char* const argv[] = {name.data(), control.data(), bits.data(), nullptr};
  char* const environment[] = {nullptr};
  const int error = ::posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv, environment);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) refuse("the launcher cannot be started", error);
  control_ = std::move(pair.ours);
}

LauncherProcess::~LauncherProcess() {
  control_.reset();  // It ends by itself and removes what it made.
  if (lost_) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

LauncherReply LauncherProcess::call(const LauncherRequest& request, int attached) {
  const auto lost = [this] {
    lost_ = true;
    LauncherReply reply;
    reply.error = "the launcher is gone";
    return reply;
  };
  const bool slow =
      request.call == LauncherCall::kStartZygote || request.call == LauncherCall::kHello;
  const timeval& patience = slow ? kPatienceAtStart : kPatience;
  ::setsockopt(control_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const std::array fds = {attached};
  if (!send_all(control_.get(), encode(request), std::span(fds.data(), attached < 0 ? 0 : 1)))
    return lost();
  std::string packet(kPacketBytesMax, '\0');
  const Received got = receive(control_.get(), {packet.data(), packet.size()}, 0, 0);
  if (got.bytes == 0) return lost();
  auto reply = decode_launcher_reply(std::string_view(packet).substr(0, got.bytes));
  return reply ? std::move(*reply) : lost();
}

}  // namespace thespis::sandbox
