#pragma once
// Another process of this test program that runs the hidden test "[.peer]": a node of its own that
// can be killed.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>
#include <vector>

#include "runtime/cluster/cluster.hpp"

extern char** environ;

namespace thespis::test {

class PeerProcess {
 public:
  /// Starts a node with the echo front; it joins `join` unless that is empty, and runs until
  /// killed or stopped.
  PeerProcess(cluster::Path path, const std::string& join = {}) {
    std::array<int, 2> from{}, to{};
    REQUIRE(pipe2(from.data(), O_CLOEXEC) == 0);
    REQUIRE(pipe2(to.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    REQUIRE(posix_spawn_file_actions_init(&actions) == 0);
    REQUIRE(posix_spawn_file_actions_adddup2(&actions, to[0], 0) == 0);
    REQUIRE(posix_spawn_file_actions_adddup2(&actions, from[1], kReportFd) == 0);
    std::vector<std::string> words;
    for (char** word = environ; *word != nullptr; ++word) words.emplace_back(*word);
    words.push_back("THESPIS_PEER_PATH=" + std::to_string(static_cast<int>(path)));
    words.push_back("THESPIS_PEER_JOIN=" + join);
    std::vector<char*> environment;
    for (std::string& word : words) environment.push_back(word.data());
    environment.push_back(nullptr);
    std::string program = "/proc/self/exe", filter = "[.peer]", quiet = "--reporter=compact";
    std::array<char*, 4> arguments = {program.data(), filter.data(), quiet.data(), nullptr};
    REQUIRE(posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(),
                        environment.data()) == 0);
    REQUIRE(posix_spawn_file_actions_destroy(&actions) == 0);
    REQUIRE(close(to[0]) == 0);
    REQUIRE(close(from[1]) == 0);
    stdin_ = to[1];
    std::array<char, 128> buffer{};
    const ssize_t count = read(from[0], buffer.data(), buffer.size());
    REQUIRE(count > 0);
    REQUIRE(close(from[0]) == 0);
    address_.assign(buffer.data(), static_cast<size_t>(count));
  }
  ~PeerProcess() {
    kill(SIGKILL);
    if (stdin_ >= 0) close(stdin_);
  }
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  const std::string& address() const { return address_; }
  void signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }
  /// Sends the signal and waits until the process has ended.
  void kill(int number) {
    if (pid_ <= 0) return;
    ::kill(pid_, number);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// Asks it to leave in order, and waits.
  void leave() {
    REQUIRE(close(stdin_) == 0);
    stdin_ = -1;
    REQUIRE(waitpid(pid_, nullptr, 0) == pid_);
    pid_ = -1;
  }

  static constexpr int kReportFd = 9;

 private:
  pid_t pid_ = -1;
  int stdin_ = -1;
  std::string address_;
};

}  // namespace thespis::test
