#include "runtime/sandbox/launcher/box.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/sandbox/launcher/job.hpp"
#include "runtime/sandbox/launcher/raw_call.hpp"

namespace thespis::sandbox {
namespace {

void send_report(int socket, const Report& report, int file) {
  iovec part{const_cast<Report*>(&report), sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
  }
  raw_call(SYS_sendmsg, socket, address_of(&message), MSG_NOSIGNAL);
}

/// A private, empty working directory.
int make_work_directory(const Box& box) {
  if (box.directory != nullptr) return ::chdir(box.directory) == 0 ? 0 : errno;
  char options[96];
  std::snprintf(options, sizeof options, "size=%llu,nr_inodes=4096,mode=0700",
                static_cast<unsigned long long>(box.request->limits.file_bytes));
  const unsigned long flags = MS_NOSUID | MS_NODEV;
  if (::mount("work", kWorkDirectory, "tmpfs", flags, options) != 0) return errno;
  return ::chdir(kWorkDirectory) == 0 ? 0 : errno;
}

int write_files(const Box& box) {
  for (const File& file : box.request->files) {
    const int fd =
        ::open(file.name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return errno;
    size_t done = 0;
    while (done < file.bytes.size()) {
      const ssize_t written = ::write(fd, file.bytes.data() + done, file.bytes.size() - done);
      if (written <= 0) {
        ::close(fd);
        return written < 0 ? errno : ENOSPC;
      }
      done += static_cast<size_t>(written);
    }
    ::close(fd);
  }
  return 0;
}

/// Waits until the job's own process is gone, and for every orphan on the way.
int wait_for(long job) {
  for (;;) {
    int status = 0;
    const long ended = raw_call(SYS_wait4, -1, address_of(&status), __WALL, 0);
    if (ended == job) return status;
    if (ended < 0 && ended != -EINTR) return 127 << 8;  // Cannot be: the job is our child.
  }
}

/// The file that the host asked for: one regular file of its own, after nobody is left to change
/// it. Minus an errno where there is none.
long take_file(const char* name) {
  if (raw_call(SYS_getpid) != 1) return -EPERM;  // kill(-1) only ever inside a namespace.
  raw_call(SYS_kill, -1, SIGKILL);
  while (raw_call(SYS_wait4, -1, 0, __WALL, 0) != -ECHILD) {
  }
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const long file = raw_call(SYS_openat, AT_FDCWD, address_of(name), kFlags);
  if (file < 0) return file;
  struct stat status {};
  const long error = raw_call(SYS_fstat, file, address_of(&status));
  if (error < 0) return error;
  return S_ISREG(status.st_mode) && status.st_nlink == 1 ? file : -EINVAL;
}

int job_entry(void* box) {
  job_main(*static_cast<const Box*>(box));
}

}  // namespace

int init_main(void* argument) {
  const Box& box = *static_cast<const Box*>(argument);
  const auto fail = [&](const char* step, int error) {
    Report report;
    report.kind = Report::Kind::kFailed;
    report.error = error;
    std::strncpy(report.step, step, sizeof report.step - 1);
    send_report(box.report, report, -1);
    return 1;
  };
  raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (const int error = make_work_directory(box); error != 0) return fail("directory", error);
  if (const int error = write_files(box); error != 0) return fail("files", error);
  long job = 0;
  if (box.request->start == Start::kExecute || box.request->start == Start::kExecutable) {
    // It runs in our memory, on a stack of its own, until it has become the program; we wait. No
    // page of the keeper's is copied for what is thrown away at once.
    job = ::clone(job_entry, box.job_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
    if (job < 0) job = -errno;
  } else {
    // A plain fork: the interpreter goes on in memory of its own, on this stack.
    job = raw_call(SYS_clone, SIGCHLD);
    if (job == 0) job_main(box);
  }
  if (job < 0) return fail("fork", static_cast<int>(-job));
  for (const int fd : {box.input, box.output, box.errors, box.result, box.executable})
    if (fd >= 0) raw_call(SYS_close, fd);
  for (size_t i = 0; i < box.request->inherited.size(); ++i) raw_call(SYS_close, box.inherited[i]);
  // The keeper must be able to tell an init that is alive from one that is not, whoever else has
  // this packet's socket: it polls the init's descriptor as well.
  send_report(box.report, Report{}, -1);
  Report ended;
  ended.kind = Report::Kind::kEnded;
  ended.status = wait_for(job);
  long file = -1;
  if (!box.request->take.empty() && ended.status == 0) {
    file = take_file(box.request->take.c_str());
    if (file < 0) ended.error = static_cast<int32_t>(-file);
  }
  send_report(box.report, ended, static_cast<int>(file < 0 ? -1 : file));
  raw_call(SYS_exit_group, 0);
  return 0;
}

}  // namespace thespis::sandbox
