#pragma once
// Things of this host that hostile programs look for: a directory with a secret, a TCP port, an
// abstract socket. Whoever reaches one of them was not kept in.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/descriptor.hpp"

namespace thespis::sandbox {

class Canary {
 public:
  /// Puts them where the programs of the hostile set expect them; waits for whoever has them now.
  /// Throws Error where the port is somebody else's.
  Canary();
  ~Canary();
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  /// What a program that reads the files would show.
  const std::string& secret() const { return secret_; }
  /// What happened to them since the last call; empty: nothing. Where the system tells who opened a
  /// file (it tells root), processes that are not ours do not count while they live.
  std::vector<std::string> touched();

 private:
  std::string secret_;
  Descriptor lock_, port_, socket_, changes_, opens_;
};

}  // namespace thespis::sandbox
