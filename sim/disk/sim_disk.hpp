#pragma once
// A process's view of its host's disk: every operation takes time, may find it full, and is as if
// it had never been asked for once the process is dead. What a power loss keeps is decided by
// env::MemoryFileSystem.

#include <memory>
#include <string>
#include <vector>

#include "runtime/env/file_system.hpp"

namespace thespis::sim {

class Process;

class SimDisk final : public env::FileSystem {
 public:
  explicit SimDisk(Process& process) : process_(process) {}
  std::vector<std::byte> read(const std::string& path, uint64_t size_bytes_max) const override;
  bool exists(const std::string& path) const override;
  uint64_t size_bytes(const std::string& path) const override;
  std::vector<env::DirectoryEntry> list(const std::string& path) const override;
  std::unique_ptr<env::File> create(const std::string& path) override;
  std::unique_ptr<env::File> open_to_append(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void create_directories(const std::string& path) override;
  void remove_tree(const std::string& path) override;
  void sync_directory(const std::string& path) override;

 private:
  class OpenFile;
  env::FileSystem& disk() const;
  /// Before each change: false where the process is dead. Throws DiskFull where there is no room.
  bool may_change(const std::string& path, uint64_t bytes) const;

  Process& process_;
};

}  // namespace thespis::sim
