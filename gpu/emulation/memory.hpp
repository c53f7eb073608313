#pragma once
// The memory of an emulated card, or pinned memory of its host: each allocation stands alone, full
// of NaN, with a guard behind it that is looked at when it is given back.

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

namespace thespis::gpu::emulation {

class Memory {
 public:
  explicit Memory(uint64_t size) : size_(size) {}
  ~Memory();

  uint64_t size() const { return size_; }
  uint64_t free_size() const;
  /// Null where there is not so much.
  void* allocate(size_t bytes, const std::string& what);
  void release(void* at);
  /// The whole range is part of one allocation.
  bool has(const void* at, size_t bytes) const;
  /// The allocation in which `at` lies; 0 bytes where there is none.
  std::span<const char> around(const void* at) const;

 private:
  struct Piece {
    size_t bytes;
    std::string what;
  };
  const uint64_t size_;
  mutable std::mutex mutex_;  // Guards what follows.
  uint64_t used_ = 0;
  std::map<const char*, Piece> pieces_;
};

}  // namespace thespis::gpu::emulation
