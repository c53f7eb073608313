#include "sim/disk/sim_disk.hpp"

#include <cerrno>
#include <utility>

#include "sim/cluster/process.hpp"

namespace thespis::sim {

class SimDisk::OpenFile final : public env::File {
 public:
  OpenFile(const SimDisk& disk, std::unique_ptr<env::File> file, std::string path)
      : disk_(disk), file_(std::move(file)), path_(std::move(path)) {}
  void append(std::span<const std::byte> bytes) override {
    World& world = disk_.process_.world();
    // Half of it may be there when the process dies or the disk is full.
    if (file_ && world.is_under(disk_.process_.node(), FaultKind::kDiskFull))
      file_->append(bytes.first(bytes.size() / 2));
    if (disk_.may_change(path_, bytes.size()) && file_) file_->append(bytes);
  }
  void sync() override {
    if (!disk_.may_change(path_, 0) || !file_) return;
    disk_.process_.world().charge(disk_.process_.world().scenario().workload.sync_ms / 1e3);
    file_->sync();
  }
  void truncate(uint64_t size_bytes) override {
    // Giving room back is always possible.
    if (!disk_.process_.is_dying() && file_) file_->truncate(size_bytes);
  }

 private:
  const SimDisk& disk_;
  std::unique_ptr<env::File> file_;  // None where the process was dead when it was opened.
  std::string path_;
};

env::FileSystem& SimDisk::disk() const {
  return process_.world().disk();
}

bool SimDisk::may_change(const std::string& path, uint64_t bytes) const {
  if (process_.is_dying()) return false;
  World& world = process_.world();
  world.charge(static_cast<double>(bytes) / (world.scenario().workload.disk_mbps * 1e6));
  if (bytes > 0 && world.is_under(process_.node(), FaultKind::kDiskFull))
    env::throw_file_error(path, "written", ENOSPC);
  return true;
}

std::vector<std::byte> SimDisk::read(const std::string& path, uint64_t size_bytes_max) const {
  return disk().read(path, size_bytes_max);
}
bool SimDisk::exists(const std::string& path) const {
  return disk().exists(path);
}
uint64_t SimDisk::size_bytes(const std::string& path) const {
  return disk().size_bytes(path);
}
std::vector<env::DirectoryEntry> SimDisk::list(const std::string& path) const {
  return disk().list(path);
}

std::unique_ptr<env::File> SimDisk::create(const std::string& path) {
  std::unique_ptr<env::File> file;
  if (may_change(path, 0)) file = disk().create(path);
  return std::make_unique<OpenFile>(*this, std::move(file), path);
}

std::unique_ptr<env::File> SimDisk::open_to_append(const std::string& path) {
  std::unique_ptr<env::File> file;
  if (may_change(path, 0)) file = disk().open_to_append(path);
  return std::make_unique<OpenFile>(*this, std::move(file), path);
}

void SimDisk::rename(const std::string& from, const std::string& to) {
  if (may_change(from, 0)) disk().rename(from, to);
}
void SimDisk::create_directories(const std::string& path) {
  if (may_change(path, 0)) disk().create_directories(path);
}
void SimDisk::remove_tree(const std::string& path) {
  if (may_change(path, 0)) disk().remove_tree(path);
}
void SimDisk::sync_directory(const std::string& path) {
  if (!may_change(path, 0)) return;
  process_.world().charge(process_.world().scenario().workload.sync_ms / 1e3);
  disk().sync_directory(path);
}

}  // namespace thespis::sim
