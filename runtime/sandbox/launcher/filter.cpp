#include "runtime/sandbox/launcher/filter.hpp"

#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace thespis::sandbox {
namespace {

/// Files by path and descriptor, memory, time, signals, processes and threads of one's own.
constexpr const char* kAllowed[] = {"read",
                                    "write",
                                    "readv",
                                    "writev",
                                    "pread64",
                                    "pwrite64",
                                    "preadv",
                                    "pwritev",
                                    "preadv2",
                                    "pwritev2",
                                    "open",
                                    "openat",
                                    "creat",
                                    "close",
                                    "close_range",
                                    "stat",
                                    "fstat",
                                    "lstat",
                                    "newfstatat",
                                    "fstatat64",
                                    "statx",
                                    "statfs",
                                    "fstatfs",
                                    "access",
                                    "faccessat",
                                    "faccessat2",
                                    "lseek",
                                    "_llseek",
                                    "truncate",
                                    "ftruncate",
                                    "fallocate",
                                    "fadvise64",
                                    "readahead",
                                    "fsync",
                                    "fdatasync",
                                    "sync_file_range",
                                    "copy_file_range",
                                    "sendfile",
                                    "splice",
                                    "tee",
                                    "dup",
                                    "dup2",
                                    "dup3",
                                    "fcntl",
                                    "flock",
                                    "pipe",
                                    "pipe2",
                                    "poll",
                                    "ppoll",
                                    "select",
                                    "pselect6",
                                    "epoll_create",
                                    "epoll_create1",
                                    "epoll_ctl",
                                    "epoll_wait",
                                    "epoll_pwait",
                                    "epoll_pwait2",
                                    "eventfd",
                                    "eventfd2",
                                    "timerfd_create",
                                    "timerfd_settime",
                                    "timerfd_gettime",
                                    "signalfd",
                                    "signalfd4",
                                    "getcwd",
                                    "chdir",
                                    "fchdir",
                                    "mkdir",
                                    "mkdirat",
                                    "rmdir",
                                    "unlink",
                                    "unlinkat",
                                    "rename",
                                    "renameat",
                                    "renameat2",
                                    "link",
                                    "linkat",
                                    "symlink",
                                    "symlinkat",
                                    "readlink",
                                    "readlinkat",
                                    "chmod",
                                    "fchmod",
                                    "fchmodat",
                                    "fchmodat2",
                                    "chown",
                                    "fchown",
                                    "lchown",
                                    "fchownat",
                                    "umask",
                                    "utime",
                                    "utimes",
                                    "futimesat",
                                    "utimensat",
                                    "getdents",
                                    "getdents64",
                                    "mknod",
                                    "mknodat",
                                    "getxattr",
                                    "lgetxattr",
                                    "fgetxattr",
                                    "listxattr",
                                    "llistxattr",
                                    "flistxattr",
                                    "ioctl",
                                    "mmap",
                                    "mmap2",
                                    "munmap",
                                    "mremap",
                                    "mprotect",
                                    "madvise",
                                    "mincore",
                                    "msync",
                                    "brk",
                                    "membarrier",
                                    "mlock",
                                    "mlock2",
                                    "munlock",
                                    "mlockall",
                                    "munlockall",
                                    "pkey_alloc",
                                    "pkey_free",
                                    "pkey_mprotect",
                                    "get_mempolicy",
                                    "clock_gettime",
                                    "clock_getres",
                                    "clock_nanosleep",
                                    "nanosleep",
                                    "gettimeofday",
                                    "time",
                                    "times",
                                    "timer_create",
                                    "timer_settime",
                                    "timer_gettime",
                                    "timer_getoverrun",
                                    "timer_delete",
                                    "getitimer",
                                    "setitimer",
                                    "alarm",
                                    "pause",
                                    "rt_sigaction",
                                    "rt_sigprocmask",
                                    "rt_sigreturn",
                                    "rt_sigpending",
                                    "rt_sigtimedwait",
                                    "rt_sigsuspend",
                                    "rt_sigqueueinfo",
                                    "rt_tgsigqueueinfo",
                                    "sigaltstack",
                                    "sigreturn",
                                    "kill",
                                    "tkill",
                                    "tgkill",
                                    "restart_syscall",
                                    "fork",
                                    "vfork",
                                    "execve",
                                    "execveat",
                                    "exit",
                                    "exit_group",
                                    "wait4",
                                    "waitid",
                                    "waitpid",
                                    "futex",
                                    "futex_waitv",
                                    "set_robust_list",
                                    "get_robust_list",
                                    "rseq",
                                    "set_tid_address",
                                    "arch_prctl",
                                    "set_thread_area",
                                    "get_thread_area",
                                    "sched_yield",
                                    "sched_getaffinity",
                                    "sched_setaffinity",
                                    "sched_getparam",
                                    "sched_getscheduler",
                                    "sched_get_priority_max",
                                    "sched_get_priority_min",
                                    "sched_rr_get_interval",
                                    "getcpu",
                                    "getpriority",
                                    "ioprio_get",
                                    "prctl",
                                    "getpid",
                                    "getppid",
                                    "gettid",
                                    "getpgid",
                                    "getpgrp",
                                    "setpgid",
                                    "getsid",
                                    "setsid",
                                    "getuid",
                                    "geteuid",
                                    "getgid",
                                    "getegid",
                                    "getresuid",
                                    "getresgid",
                                    "getgroups",
                                    "capget",
                                    "getrlimit",
                                    "ugetrlimit",
                                    "getrusage",
                                    "uname",
                                    "sysinfo",
                                    "getrandom",
                                    "pidfd_open",
                                    "pidfd_send_signal"};

/// Limits can be read and lowered, privileges dropped: refused, but known to honest programs.
constexpr const char* kNotPermitted[] = {
    "socket",        "socketpair",  "connect",        "bind",
    "listen",        "accept",      "accept4",        "sendto",
    "recvfrom",      "sendmsg",     "recvmsg",        "sendmmsg",
    "recvmmsg",      "shutdown",    "setsockopt",     "getsockopt",
    "getsockname",   "getpeername", "socketcall",     "setpriority",
    "setuid",        "setgid",      "setreuid",       "setregid",
    "setresuid",     "setresgid",   "setgroups",      "setfsuid",
    "setfsgid",      "capset",      "sched_setparam", "sched_setscheduler",
    "sched_setattr", "ioprio_set",  "setxattr",       "lsetxattr",
    "fsetxattr",     "sethostname", "setdomainname",  "syslog"};

constexpr const char* kKills[] = {"ptrace",
                                  "process_vm_readv",
                                  "process_vm_writev",
                                  "process_madvise",
                                  "kcmp",
                                  "pidfd_getfd",
                                  "mount",
                                  "umount",
                                  "umount2",
                                  "pivot_root",
                                  "chroot",
                                  "move_mount",
                                  "open_tree",
                                  "fsopen",
                                  "fsconfig",
                                  "fsmount",
                                  "fspick",
                                  "mount_setattr",
                                  "unshare",
                                  "setns",
                                  "bpf",
                                  "perf_event_open",
                                  "userfaultfd",
                                  "io_uring_setup",
                                  "io_uring_enter",
                                  "io_uring_register",
                                  "keyctl",
                                  "add_key",
                                  "request_key",
                                  "init_module",
                                  "finit_module",
                                  "delete_module",
                                  "kexec_load",
                                  "kexec_file_load",
                                  "swapon",
                                  "swapoff",
                                  "reboot",
                                  "acct",
                                  "quotactl",
                                  "settimeofday",
                                  "clock_settime",
                                  "clock_adjtime",
                                  "adjtimex",
                                  "open_by_handle_at",
                                  "name_to_handle_at",
                                  "iopl",
                                  "ioperm",
                                  "fanotify_init",
                                  "lookup_dcookie",
                                  "vhangup"};

/// Every flag of clone that makes a namespace.
constexpr uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                     CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

/// A name that this machine has no call for is no error.
int add(scmp_filter_ctx filter, uint32_t action, const char* name) {
  const int call = seccomp_syscall_resolve_name(name);
  if (call == __NR_SCMP_ERROR || call < 0) return 0;
  return seccomp_rule_add(filter, action, call, 0);
}

int add_rules(scmp_filter_ctx filter) {
  const uint32_t refused = SCMP_ACT_ERRNO(EPERM);
  for (const char* name : kAllowed)
    if (const int error = add(filter, SCMP_ACT_ALLOW, name); error != 0) return error;
  for (const char* name : kNotPermitted)
    if (const int error = add(filter, refused, name); error != 0) return error;
  for (const char* name : kKills)
    if (const int error = add(filter, SCMP_ACT_KILL_PROCESS, name); error != 0) return error;
  // clone3's flags lie in memory, which a filter cannot see: glibc goes on to clone (ENOSYS).
  const int plain =
      seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                       SCMP_A0(SCMP_CMP_MASKED_EQ, kNamespaceFlags, static_cast<uint64_t>(0)));
  if (plain != 0) return plain;
  // Reading a limit; setting one's own is allowed too, raising it is not in a job's power.
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                          SCMP_A0(SCMP_CMP_EQ, static_cast<uint64_t>(0)));
}

}  // namespace

int build_filter(KeeperSetup& setup) {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(
      seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), seccomp_release);
  if (!filter) return ENOMEM;
  // As a binary tree: the kernel walks the filter once for every system call there is when a job
  // installs it.
  int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (error == 0)
    error = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (error == 0) error = add_rules(filter.get());
  if (error != 0) return -error;
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) return errno;
  error = -seccomp_export_bpf(filter.get(), file);
  if (error == 0) {
    const ssize_t bytes = ::pread(file, setup.filter.data(), sizeof setup.filter, 0);
    const bool whole = bytes > 0 && static_cast<size_t>(bytes) < sizeof setup.filter;
    if (whole) setup.filter_length = static_cast<uint32_t>(bytes / sizeof(sock_filter));
    error = whole ? 0 : E2BIG;
  }
  ::close(file);
  return error;
}

}  // namespace thespis::sandbox
