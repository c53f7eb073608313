#include "app/children.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/base/error.hpp"

namespace thespis::app {

std::vector<Roles> split_roles(uint32_t processes, const config::Recipe& recipe,
                               const std::string& reward_role) {
  const bool reference = recipe.train.kl_coef != 0;
  const uint32_t nodes = processes - 1;
  const bool code = reward_role == "code_reward";
  const uint32_t rules = code ? 0 : recipe.rewards.workers;
  const uint32_t runs = code ? code_worker_count(recipe) : 0;
  const Roles sampler{1, 0, 0, 0}, reward{0, rules, 0, runs}, frozen{0, 0, 1, 0};
  if (nodes == 1) return {{1, rules, reference ? 1u : 0u, runs}};
  if (nodes == 2) return {sampler, {0, rules, reference ? 1u : 0u, runs}};
  std::vector<Roles> roles{reward};
  if (reference) roles.push_back(frozen);
  while (roles.size() < nodes) roles.push_back(sampler);
  return roles;
}

Children::Children(Options options, const std::vector<Roles>& nodes)
    : options_(std::move(options)) {
  std::filesystem::create_directories(options_.directory + "/nodes");
  for (size_t i = 0; i < nodes.size(); ++i) children_.push_back({nodes[i], -1, i});
  for (Child& child : children_) start(child);
  watcher_ = std::thread([this] { watch(); });
}

Children::~Children() {
  stopping_ = true;
  {
    const std::lock_guard lock(mutex_);
    for (const Child& child : children_)
      if (child.pid > 0) kill(child.pid, SIGTERM);
  }
  watcher_.join();
}

void Children::start(Child& child) {
  const std::string log = options_.directory + "/nodes/" + std::to_string(child.index) + ".log";
  const std::string roles = child.roles.text();
  const std::string arguments[] = {options_.program, "node", "--join",        options_.address,
                                   "--roles",        roles,  "--secret-file", options_.secret_file,
                                   "--wait",         "30"};
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));  // execv promises not to write.
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw Error(std::string("a node process could not be started: ") + strerror(errno));
  if (pid == 0) {
    // Only async-signal-safe calls from here on: the parent has threads.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // It died before that call.
    setpgid(0, 0);                      // Ctrl-C is for the parent, which tells its children.
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (out >= 0) {
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  child.pid = pid;
}

void Children::watch() {
  // PR_SET_PDEATHSIG follows the thread that forked: the first children come from the constructor's
  // thread, later ones from this one; both live as long as this object.
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, 0);
    if (pid < 0) return;  // No child is left.
    const std::lock_guard lock(mutex_);
    for (Child& child : children_) {
      if (child.pid != pid) continue;
      child.pid = -1;
      if (stopping_) break;
      const std::string how = WIFSIGNALED(status)
                                  ? "was killed by signal " + std::to_string(WTERMSIG(status))
                                  : "ended with code " + std::to_string(WEXITSTATUS(status));
      const std::string who =
          "node " + std::to_string(child.index) + " (" + child.roles.text() + ") " + how;
      if (++restarts_ > options_.restarts_max) {
        options_.note(who + "; too many restarts, it is not replaced");
        break;
      }
      options_.note(who + "; starting another");
      start(child);
    }
  }
}

}  // namespace thespis::app
