#pragma once
// Pages of keys and values, counted by reference, with an index of full prompt pages.
//   KV-1  A page in the index holds exactly its key's tokens after exactly its parent's, computed
//         under the policy since the last forget_prefixes(). Nothing writes to it while it is
//         there.
//   KV-2  A page is freed when its last holder lets go, and leaves the index then.
//   KV-3  A page's floats are finite from the moment it is acquired.

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpu/ops.hpp"
#include "model/engine/executor.hpp"

namespace thespis::model {

class KvStore {
 public:
  static constexpr uint32_t kRoot = UINT32_MAX;

  KvStore(const gpu::AttendShape& shape, uint32_t layer_count, uint32_t page_count);

  KvView view() const { return {pages_.get(), layer_stride_}; }
  uint32_t free_count() const { return static_cast<uint32_t>(free_.size()); }

  /// A zeroed page with one holder. The owner keeps free_count() above 0.
  uint32_t acquire();
  void retain(uint32_t page) { ++holders_[page]; }
  void release(uint32_t page);

  /// The page that holds these kPageTokens tokens after those of page `parent` (kRoot: none).
  std::optional<uint32_t> find(uint32_t parent, std::span<const int32_t> tokens) const;
  void publish(uint32_t page, uint32_t parent, std::span<const int32_t> tokens);
  /// New weights: what is held stays, but nothing new shares it.
  void forget_prefixes();

 private:
  struct Prefix {
    uint32_t parent;
    std::array<int32_t, gpu::kPageTokens> tokens;
    auto operator<=>(const Prefix&) const = default;
  };
  static Prefix prefix(uint32_t parent, std::span<const int32_t> tokens);

  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  size_t page_floats_;
  size_t layer_stride_;
  uint32_t layer_count_;
  std::unique_ptr<float[], Free> pages_;  // Touched only as pages are acquired.
  std::vector<uint32_t> free_;
  std::vector<uint32_t> holders_;
  std::map<Prefix, uint32_t> index_;
  std::vector<std::optional<Prefix>> published_;  // By page.
};

}  // namespace thespis::model
