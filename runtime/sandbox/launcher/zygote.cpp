// The library that turns a Python interpreter into a zygote: with its modules loaded it forks
// keepers, which are copies of it, and those fork the jobs. Nothing here is linked against Python:
// what is needed of it is found in the process.

#include <dlfcn.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "runtime/sandbox/channel.hpp"
#include "runtime/sandbox/launcher/keeper.hpp"

namespace thespis::sandbox {
namespace {

using AfterFork = void (*)();
using RunJob = void (*)(int argument_count, const char* const* arguments);

AfterFork after_fork = nullptr;
RunJob run_job = nullptr;

void run_python(const Box& box) {
  after_fork();
  int count = 0;
  while (box.argv[count] != nullptr) ++count;
  run_job(count, box.argv);
}

/// What the launcher sends for each keeper: where the descriptors go, then the descriptors.
bool receive_setup(int control, KeeperSetup& setup) {
  Received got = receive(control, {reinterpret_cast<char*>(&setup), sizeof setup}, kKeeperFds, 0);
  if (got.bytes != sizeof setup) return false;
  size_t next = 0;
  for (int& fd : setup.descriptors)
    if (fd >= 0) fd = next < got.descriptors.size() ? got.descriptors[next++].release() : -1;
  return true;
}

}  // namespace
}  // namespace thespis::sandbox

/// Serves the launcher on `control` until it is gone. `run` is called in each job's process, with
/// the program's arguments; it must not return.
extern "C" [[gnu::visibility("default")]] void thespis_zygote(int control,
                                                              thespis::sandbox::RunJob run) {
  using namespace thespis::sandbox;
  run_job = run;
  after_fork = reinterpret_cast<AfterFork>(::dlsym(RTLD_DEFAULT, "PyOS_AfterFork_Child"));
  if (after_fork == nullptr) ::_exit(9);
  const char ready = 'z';
  if (::write(control, &ready, 1) != 1) ::_exit(0);
  static KeeperSetup setup;
  while (receive_setup(control, setup)) {
    // The launcher's child, not ours: it has to wait for it.
    const long child = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
      ::close(control);
      keeper_main(setup, run_python);
    }
    const int answer = child < 0 ? -errno : static_cast<int>(child);
    for (int& fd : setup.descriptors)
      if (fd >= 0) ::close(fd);
    if (::write(control, &answer, sizeof answer) != sizeof answer) break;
  }
  ::_exit(0);
}
