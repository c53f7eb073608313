#include "gpu/emulation/memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/base/assert.hpp"

namespace thespis::gpu::emulation {
namespace {

constexpr size_t kAlignment = 256;  // As a card's runtime aligns.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t kGuard = 0;  // The sanitizer sees each access beyond the end.
#else
constexpr size_t kGuard = 256;
#endif
constexpr uint8_t kNothing = 0xff, kGuarded = 0xa5;

/// Ends the program: `what` was not done as it must be.
[[noreturn]] void fail(const std::string& what) {
  assert_failed(what.c_str(), __FILE__, __LINE__);
}

}  // namespace

Memory::~Memory() {
  if (!pieces_.empty()) fail("never given back: " + pieces_.begin()->second.what);
}

uint64_t Memory::free_size() const {
  const std::lock_guard guard(mutex_);
  return size_ - used_;
}

void* Memory::allocate(size_t bytes, const std::string& what) {
  const std::lock_guard guard(mutex_);
  if (bytes > size_ - used_) return nullptr;
  void* raw = nullptr;
  if (posix_memalign(&raw, kAlignment, std::max<size_t>(bytes, 1) + kGuard) != 0) return nullptr;
  auto* const at = static_cast<char*>(raw);
  std::memset(at, kNothing, bytes);
  std::memset(at + bytes, kGuarded, kGuard);
  used_ += bytes;
  pieces_.emplace(at, Piece{bytes, what});
  return at;
}

void Memory::release(void* at) {
  auto* const begin = static_cast<char*>(at);
  const std::lock_guard guard(mutex_);
  const auto found = pieces_.find(begin);
  if (found == pieces_.end()) fail("given back twice, or never allocated");
  const auto* behind = reinterpret_cast<const uint8_t*>(begin + found->second.bytes);
  if (std::any_of(behind, behind + kGuard, [](uint8_t byte) { return byte != kGuarded; }))
    fail("written beyond its end: " + found->second.what);
  std::memset(begin, kNothing, found->second.bytes);  // For whoever reads it yet.
  used_ -= found->second.bytes;
  pieces_.erase(found);
  std::free(at);
}

std::span<const char> Memory::around(const void* at) const {
  const auto* const begin = static_cast<const char*>(at);
  const std::lock_guard guard(mutex_);
  const auto next = pieces_.upper_bound(begin);
  if (next == pieces_.begin()) return {};
  const auto& [first, piece] = *std::prev(next);
  if (begin > first + piece.bytes) return {};
  return {first, piece.bytes};
}

bool Memory::has(const void* at, size_t bytes) const {
  const std::span<const char> piece = around(at);
  return !piece.empty() && static_cast<const char*>(at) + bytes <= piece.data() + piece.size();
}

}  // namespace thespis::gpu::emulation
