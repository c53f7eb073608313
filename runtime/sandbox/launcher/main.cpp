// The launcher: a small, single-threaded process that the host starts before anything else and
// that makes keepers for it. A clone of this costs little and inherits nothing of the host's.
//   LA-1  It never runs or parses anything that a job wrote.
//   LA-2  When the host is gone it ends, and with it everything that it started.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "runtime/sandbox/launcher/launcher.hpp"

namespace thespis::sandbox {
namespace {

int serve(int control, Layers without) {
  Launcher launcher(without);
  std::string packet(kPacketBytesMax, '\0');
  for (;;) {
    Received got = receive(control, {packet.data(), packet.size()}, 1, 0);
    if (got.bytes == 0) return 0;
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    const auto request = decode_launcher_request(std::string_view(packet).substr(0, got.bytes));
    if (!request) return 3;
    Descriptor attached;
    if (!got.descriptors.empty()) attached = std::move(got.descriptors[0]);
    const LauncherReply reply = launcher.answer(*request, std::move(attached));
    if (!send_all(control, encode(reply), {})) return 0;
  }
}

}  // namespace
}  // namespace thespis::sandbox

/// launcher CONTROL WITHOUT: a descriptor (SOCK_SEQPACKET), and the bits of the layers to leave
/// out.
int main(int argc, char** argv) {
  using namespace thespis::sandbox;
  if (argc != 3) return 2;
  const int control = static_cast<int>(std::strtol(argv[1], nullptr, 10));
  Layers without;
  without.bits = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
  // Only what we know is open from here on.
  constexpr int kControl = 3;
  if (::dup3(control, kControl, O_CLOEXEC) < 0 && control != kControl) return 2;
  ::fcntl(kControl, F_SETFD, FD_CLOEXEC);
  ::close_range(kControl + 1, ~0U, 0);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd)
    if (::dup2(nowhere, fd) < 0) return 2;
  ::prctl(PR_SET_NAME, "thespis-launch");
  ::setsid();  // A terminal's Ctrl-C is the host's business; the end of its socket is ours.
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return serve(kControl, without);
}
