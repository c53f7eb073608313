#pragma once
// A sealed memory file: one page that says what it is, then the bytes. It has no name but
// /proc/PID/fd/N, so the kernel removes it with its last user, however that ends.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/transport/socket.hpp"

namespace thespis::cluster {

struct MemoryFileHeader {
  uint64_t magic = 0;
  uint64_t run_id = 0;
  uint64_t version = 0;
  uint64_t reference = 0;
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;

  bool operator==(const MemoryFileHeader&) const = default;
};

class MemoryFile {
 public:
  static constexpr uint64_t kMagic = 0x3154475753505354;  // "TSPSWGT1"
  static constexpr uint64_t kHeaderBytes = 4096;

  /// Copies the bytes into a new file and seals it: nobody can change it any more.
  MemoryFile(MemoryFileHeader header, std::span<const uint8_t> bytes);
  /// "/proc/PID/fd/N", for other processes of this memory domain.
  std::string path() const;
  int descriptor() const { return file_.get(); }
  uint64_t file_bytes() const { return kHeaderBytes + header_.size_bytes; }

 private:
  transport::Fd file_;
  MemoryFileHeader header_;
};

/// Another process's memory file, mapped for reading.
class MappedMemoryFile {
 public:
  enum class Problem { kGone, kOther };
  struct Opened {
    std::shared_ptr<const MappedMemoryFile> file;  ///< Null: `problem` says why.
    Problem problem = Problem::kOther;
    std::string detail;
  };
  /// kGone: the process ended. kOther: what lies there is not a sealed memory file, or not the one
  /// meant.
  static Opened open(const std::string& path, const MemoryFileHeader& wanted);
  MappedMemoryFile(void* base, uint64_t bytes) : base_(base), bytes_(bytes) {}
  ~MappedMemoryFile();
  MappedMemoryFile(const MappedMemoryFile&) = delete;
  MappedMemoryFile& operator=(const MappedMemoryFile&) = delete;
  std::span<const uint8_t> bytes() const;

 private:
  void* const base_;
  const uint64_t bytes_;
};

}  // namespace thespis::cluster
