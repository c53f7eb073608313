#pragma once
// How warpgroups that multiply share a block of threads, and how the tiles that all of them need
// come to them.

#include <utility>

#include "gpu/cuda/attention_groups.cuh"

namespace thespis::gpu::cuda {

/// Who does what in a block of threads. While one warpgroup computes exponentials the products of
/// another should run: of a second block of threads, where registers and shared memory have room
/// for two. Where they have not, one more warpgroup copies (kHasCopier), so that those that
/// multiply need not wait for each other at each tile, and gives them registers.
template <int kGroupCount, bool kHasCopier>
struct GroupCut {
  static constexpr int kGroups = kGroupCount;  // That multiply.
  static constexpr bool kCopies = kHasCopier;
  static constexpr int kMultiplying = kGroups * kGroupThreads;
  static constexpr int kThreads = kMultiplying + kCopies * kGroupThreads;
  static constexpr int kBlocksPerMultiprocessor = kCopies ? 1 : 2;
  static constexpr int kBlockRows = kGroups * kGroupRows;
  // Of a thread; together what the block has at its start.
  static constexpr int kMultiplyingRegisters = kGroups == 2 ? 232 : 160;
  static constexpr int kCopyingRegisters = kGroups == 2 ? 40 : 32;
};
/// Of kernels whose warpgroups have rows of q.
template <int kHeadDim>
using RowGroups = GroupCut<2, (kHeadDim > 64)>;

/// This thread's warpgroup, of which the compiler sees that a warp's threads agree: what follows
/// from it can be addresses of products.
__device__ inline uint32_t warpgroup_of_thread() {
  return __shfl_sync(~0u, threadIdx.x / kGroupThreads, 0);
}

/// What the threads of a warpgroup that multiplies copied for themselves is there for its products.
__device__ inline void own_copies_done(uint32_t warpgroup) {
  ptx::copies_wait<0>();
  ptx::writes_visible_to_products();
  asm volatile("bar.sync %0, %1;" ::"r"(warpgroup + 1), "n"(kGroupThreads) : "memory");
}

/// Pairs of tiles pass in turn through stages of a block's shared memory. Their copies are
/// make(part)(i), which starts those of the first or second tile of pair i by the threads of one
/// warpgroup; all that multiply await() and release() each pair, in turn. Cut::kStageCount is how
/// many stages there are, with 16 bytes of barriers for each. Every thread arrives for itself: one
/// for its warp was no quicker, and racecheck does not follow that.
template <class Cut, class Make>
class Ring {
  static constexpr int kStages = Cut::kStageCount;

 public:
  __device__ Ring(uint32_t barriers, int count, uint32_t warpgroup, const Make& make)
      : barriers_(barriers), count_(count), make_(make), copy_(make(warpgroup)) {}

  /// By all threads. False for those that copied and are done.
  __device__ bool open() const {
    if constexpr (!Cut::kCopies) {
      copy_(0);
      ptx::copies_commit();
      return true;
    }
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < kStages; ++stage) {
        ptx::barrier_init(full(stage), kGroupThreads);
        ptx::barrier_init(empty(stage), Cut::kMultiplying);
      }
    }
    __syncthreads();
    if (threadIdx.x >= Cut::kMultiplying) {
      ptx::give_registers<Cut::kCopyingRegisters>();
      fill();
      return false;
    }
    ptx::take_registers<Cut::kMultiplyingRegisters>();
    return true;
  }
  __device__ void await(int i) const {
    if constexpr (Cut::kCopies) {
      ptx::barrier_wait(full(i), i / kStages % 2);
    } else {
      ptx::copies_wait<0>();
      ptx::writes_visible_to_products();
      __syncthreads();  // No product reads the pair before any more.
      if (i + 1 < count_) copy_(i + 1);
      ptx::copies_commit();
    }
  }
  __device__ void release(int i) const {
    if constexpr (Cut::kCopies) ptx::barrier_arrive(empty(i));
  }
  __device__ void skip(int first, int end) const {
    for (int i = first; i < end; ++i) {
      await(i);
      release(i);
    }
  }

 private:
  __device__ uint32_t full(int i) const { return barriers_ + i % kStages * 16; }
  __device__ uint32_t empty(int i) const { return full(i) + 8; }
  __device__ void fill() const {
    const auto first = make_(0), second = make_(1);
    for (int i = 0; i < count_; ++i) {
      if (i >= kStages) {  // What is there is passed on before a stage is waited for.
        ptx::copies_wait<0>();
        pass(i - 1);
        ptx::barrier_wait(empty(i), (i / kStages - 1) % 2);
      }
      first(i);
      second(i);
      ptx::copies_commit();
      if (i == 0 || i >= kStages) continue;
      ptx::copies_wait<1>();
      pass(i - 1);
    }
    ptx::copies_wait<0>();
    pass(count_ - 1);
  }
  __device__ void pass(int i) const {
    ptx::writes_visible_to_products();
    ptx::barrier_arrive(full(i));
  }

  uint32_t barriers_;  // Of each stage: it is full; it is empty.
  int count_;
  const Make& make_;
  decltype(std::declval<const Make&>()(0u)) copy_;
};

}  // namespace thespis::gpu::cuda
