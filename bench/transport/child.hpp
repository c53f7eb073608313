#pragma once
// A child process with its standard input and output in our hands, for the benchmarks' other sides.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"

extern char** environ;

namespace thespis::bench {

class Child {
 public:
  /// `extra` are further environment entries, NAME=VALUE.
  Child(std::vector<std::string> command, std::vector<std::string> extra = {}) {
    std::array<int, 2> out{}, in{};
    if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(in.data(), O_CLOEXEC) != 0)
      throw Error("cannot make pipes");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::vector<char*> arguments, environment;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    for (std::string& entry : extra) environment.push_back(entry.data());
    environment.push_back(nullptr);
    const int rc =
        posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
    if (rc != 0) throw Error("cannot start " + command[0]);
  }
  ~Child() {
    end(SIGKILL);
    if (input_ >= 0) close(input_);
    close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  void end(int number) {
    if (pid_ <= 0) return;
    ::kill(pid_, number);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// Blocks for one line; empty at the end of the output.
  std::string line() {
    std::string text;
    for (char byte = 0; read(output_, &byte, 1) == 1 && byte != '\n';) text += byte;
    return text;
  }
  std::string rest() {
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t n = 0; (n = read(output_, buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<size_t>(n));
    return text;
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace thespis::bench
