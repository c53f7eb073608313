#pragma once
// A file system in memory that can be full, fail at any operation, and crash.
//   After crash() a file holds its last synced bytes, or any mix that unsynced writes may leave: a
//   prefix of what was appended, or the end of it behind a hole. A directory holds its last synced
//   names, or its present ones.

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/env/file_system.hpp"
#include "runtime/env/random.hpp"

namespace thespis::env {

class MemoryFileSystem final : public FileSystem {
  struct Node {
    bool is_directory = false;
    std::vector<std::byte> bytes, synced_bytes;
    std::map<std::string, std::shared_ptr<Node>> names, synced_names;
  };
  using NodePtr = std::shared_ptr<Node>;

 public:
  MemoryFileSystem() { root_->is_directory = true; }

  /// The n-th mutating operation from now on (0: the next) fails with `error_number`, half done
  /// where it is a write, and with it all later ones where `for_good`.
  void fail_at(uint64_t n, int error_number, bool for_good) {
    fail_at_ = operations_ + n, error_number_ = error_number, for_good_ = for_good;
  }
  void fail_never() { fail_at_.reset(); }
  uint64_t operations() const { return operations_; }

  /// Of all files.
  uint64_t held_bytes() const { return held_bytes(*root_); }

  void crash(KeyedRandom& random) { crash_node(*root_, random); }

  /// A file's bytes, to damage what is not synced of them.
  std::vector<std::byte>& bytes_of(const std::string& path) { return file(path).bytes; }
  /// The medium itself has other bytes now.
  void damage(const std::string& path, std::vector<std::byte> bytes) {
    Node& node = file(path);
    node.bytes = node.synced_bytes = std::move(bytes);
  }

  std::vector<std::byte> read(const std::string& path, uint64_t size_bytes_max) const override {
    const Node& node = file(path);
    if (node.bytes.size() > size_bytes_max) throw FileError(path + ": too large", EFBIG);
    return node.bytes;
  }
  bool exists(const std::string& path) const override { return find(path) != nullptr; }
  uint64_t size_bytes(const std::string& path) const override { return file(path).bytes.size(); }
  std::vector<DirectoryEntry> list(const std::string& path) const override {
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, node] : directory(path).names)
      entries.push_back({name, node->is_directory});
    return entries;
  }
  std::unique_ptr<File> create(const std::string& path) override {
    count(path, "created");
    auto& slot = directory(parent_directory(path)).names[leaf(path)];
    if (slot == nullptr) slot = std::make_shared<Node>();
    slot->bytes.clear();
    return std::make_unique<OpenFile>(*this, slot, path);
  }
  std::unique_ptr<File> open_to_append(const std::string& path) override {
    count(path, "opened");
    auto& slot = directory(parent_directory(path)).names[leaf(path)];
    if (slot == nullptr) slot = std::make_shared<Node>();
    return std::make_unique<OpenFile>(*this, slot, path);
  }
  void rename(const std::string& from, const std::string& to) override {
    count(from, "renamed");
    const NodePtr node = find(from), target = find(to);
    if (node == nullptr) throw_file_error(from, "renamed", ENOENT);
    if (target != nullptr && target->is_directory && !target->names.empty())
      throw_file_error(from, "renamed", ENOTEMPTY);
    directory(parent_directory(from)).names.erase(leaf(from));
    directory(parent_directory(to)).names[leaf(to)] = node;
  }
  void create_directories(const std::string& path) override {
    if (exists(path)) return;
    create_directories(parent_directory(path));
    count(path, "created");
    const auto node = std::make_shared<Node>();
    node->is_directory = true;
    directory(parent_directory(path)).names[leaf(path)] = node;
  }
  void remove_tree(const std::string& path) override {
    if (!exists(path)) return;
    count(path, "removed");
    directory(parent_directory(path)).names.erase(leaf(path));
  }
  void sync_directory(const std::string& path) override {
    count(path, "synced");
    directory(path).synced_names = directory(path).names;
  }

 private:
  class OpenFile final : public File {
   public:
    OpenFile(MemoryFileSystem& files, NodePtr node, std::string path)
        : files_(files), node_(std::move(node)), path_(std::move(path)) {}
    void append(std::span<const std::byte> bytes) override {
      auto& out = node_->bytes;
      try {
        files_.count(path_, "written");
      } catch (const FileError&) {
        out.insert(out.end(), bytes.begin(), bytes.begin() + static_cast<long>(bytes.size() / 2));
        throw;
      }
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
    void sync() override {
      files_.count(path_, "synced");
      node_->synced_bytes = node_->bytes;
    }
    void truncate(uint64_t size_bytes) override {
      files_.count(path_, "cut");
      node_->bytes.resize(size_bytes);
    }

   private:
    MemoryFileSystem& files_;
    NodePtr node_;
    std::string path_;
  };

  void count(const std::string& path, const std::string& done) {
    const uint64_t operation = operations_++;
    if (fail_at_ && (operation == *fail_at_ || (for_good_ && operation > *fail_at_)))
      throw_file_error(path, done, error_number_);
  }
  static std::string leaf(const std::string& path) { return path.substr(path.rfind('/') + 1); }
  NodePtr find(const std::string& path) const {
    NodePtr node = root_;
    for (size_t begin = 0; begin < path.size() && node != nullptr;) {
      const size_t end = std::min(path.find('/', begin), path.size());
      const std::string name = path.substr(begin, end - begin);
      begin = end + 1;
      if (name.empty() || name == ".") continue;
      const auto found = node->names.find(name);
      node = found == node->names.end() ? nullptr : found->second;
    }
    return node;
  }
  Node& file(const std::string& path) const {
    const NodePtr node = find(path);
    if (node == nullptr || node->is_directory) throw_file_error(path, "read", ENOENT);
    return *node;
  }
  Node& directory(const std::string& path) const {
    const NodePtr node = find(path);
    if (node == nullptr || !node->is_directory) throw_file_error(path, "listed", ENOENT);
    return *node;
  }
  static uint64_t held_bytes(const Node& node) {
    uint64_t bytes = node.bytes.size();
    for (const auto& [name, child] : node.names) bytes += held_bytes(*child);
    return bytes;
  }
  void crash_node(Node& node, KeyedRandom& random) {
    if (node.is_directory) {
      if (random.below(2) == 0) node.names = node.synced_names;
      node.synced_names = node.names;
      for (auto& [name, child] : node.names) crash_node(*child, random);
      return;
    }
    if (random.below(3) == 0) {
      node.bytes = node.synced_bytes;
    } else if (node.bytes.size() > node.synced_bytes.size() && random.below(2) == 0) {
      const auto unsynced = static_cast<uint32_t>(node.bytes.size() - node.synced_bytes.size());
      const uint32_t kept = random.below(unsynced + 1);
      node.bytes.resize(node.synced_bytes.size() + kept);
      // Of what was appended last some may be there before what comes first: a hole of zeros.
      if (kept > 0 && random.below(2) == 0)
        std::fill_n(node.bytes.end() - kept, random.below(kept), std::byte{0});
    }
    node.synced_bytes = node.bytes;
  }

  NodePtr root_ = std::make_shared<Node>();
  uint64_t operations_ = 0;
  std::optional<uint64_t> fail_at_;
  int error_number_ = 0;
  bool for_good_ = false;
};

}  // namespace thespis::env
