#pragma once
// What the attention kernels share: copies into shared memory, fragments of the tensor cores'
// m16n8k16 product, keys in rows and in pages. The softmax over keys: attention_softmax.cuh.
//   AT-1  A query row's bits depend on the row and its keys alone. Keys are taken in pieces of
//         kAttendPiece at absolute positions; a piece starts from nothing and takes its blocks of
//         kBlockKeys in order; pieces are merged in order. All kernels use the same functions,
//         whose arithmetic is spelled out so that no compiler fuses it in one place only.
//   AT-2  A masked key adds exact zeros: a tile may run through keys that few of its rows see.
//   AT-3  Shared tiles are [rows][head_dim] bf16, a row's 16-byte chunks permuted so that equal
//         chunks of eight rows lie in different banks. A tile starts at a multiple of a row.
// With g = lane / 4 and t = lane % 4, a lane's accumulators of a product are rows g (elements 0, 1)
// and g + 8 (2, 3) of columns 2 t and 2 t + 1.

#include <cuda_runtime.h>

#include <cstdint>
#include <string>
#include <type_traits>

#include "gpu/cuda/qkv.cuh"
#include "gpu/device.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {

constexpr int kBlockKeys = 64;
constexpr int kPieceBlocks = on_device::kAttendPiece / kBlockKeys;
constexpr float kLog2E = 1.4426950408889634f;

namespace ptx {

__device__ inline unsigned char* shared_memory() {
  extern __shared__ __align__(1024) unsigned char memory[];
  return memory;
}

__device__ inline uint32_t shared_address(const void* at) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(at));
}

/// Copies 16 bytes, or writes zeros where `bytes` is 0, without reading.
__device__ inline void copy_16(uint32_t to, const void* from, uint32_t bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}

__device__ inline void copy_4(uint32_t to, const void* from, uint32_t bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}

__device__ inline void copies_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most `kPending` of this thread's latest groups are under way.
template <int kPending>
__device__ inline void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/// Four 8 x 8 matrices; lanes 8 i ... 8 i + 7 name the rows of matrix i.
__device__ inline void load_matrices(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

__device__ inline void load_matrices_transposed(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

/// c += a b.
__device__ inline void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// 2^x; exact at 0 and at minus infinity.
__device__ inline float exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Two floats as bf16, `low` in the lower half.
__device__ inline uint32_t pack(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

}  // namespace ptx

template <int kHeadDim>
constexpr float kInverseRoot = kHeadDim == 16   ? 0.25f
                               : kHeadDim == 32 ? 0.17677669529663687f
                               : kHeadDim == 64 ? 0.125f
                                                : 0.08838834764831845f;

/// What a score is multiplied by, so that 2^x is exp of it.
template <int kHeadDim>
constexpr float kScale = kInverseRoot<kHeadDim>* kLog2E;

/// Division by a number known at the launch: exact while n * value < 2^32.
struct Divisor {
  uint32_t value;
  uint32_t magic;
  explicit Divisor(uint32_t by)
      : value(by), magic(static_cast<uint32_t>((uint64_t{1} << 32) / by + 1)) {}
  __device__ uint32_t divide(uint32_t n) const { return value == 1 ? n : __umulhi(n, magic); }
};

/// Packed row r of a run and kv head: query head `head`, `step` rows into the run.
struct PackedRow {
  uint32_t step;
  uint32_t head;
};
__device__ inline PackedRow packed_row(uint32_t r, const Divisor& group, uint32_t kv_head) {
  const uint32_t step = group.divide(r);
  return {step, kv_head * group.value + r - step * group.value};
}

template <int kHeadDim>
struct SharedTile {
  static constexpr int kRowBytes = kHeadDim * 2;
  static constexpr int kChunks = kHeadDim / 8;
  static constexpr int kBytes = kBlockKeys * kRowBytes;

  __device__ static uint32_t swizzle(uint32_t row) {
    return kChunks >= 8 ? row % 8 : row % 8 / (8 / kChunks);
  }
  __device__ static uint32_t offset(uint32_t row, uint32_t chunk) {
    return row * kRowBytes + ((chunk ^ swizzle(row)) * 16);
  }
  /// What load_rows() adds to a tile's address for this lane, and load_columns().
  __device__ static uint32_t rows_offset(uint32_t lane) {
    return offset(lane / 16 * 8 + lane % 8, lane / 8 % 2);
  }
  __device__ static uint32_t columns_offset(uint32_t lane) {
    return offset(lane / 8 % 2 * 8 + lane % 8, lane / 16);
  }
  /// Tile rows row ... row + 15 are columns of b, tile columns 16 step ... its k: elements 0, 1 for
  /// the first eight rows, 2, 3 for the others.
  __device__ static void load_rows(uint32_t (&b)[4], uint32_t lane_at, int row, int step) {
    ptx::load_matrices(b, (lane_at ^ (step * 32)) + row * kRowBytes);
  }
  /// Tile rows row ... row + 15 are k of b, tile columns 16 step ... its columns: elements 0, 1 for
  /// the first eight columns, 2, 3 for the others.
  __device__ static void load_columns(uint32_t (&b)[4], uint32_t lane_at, int row, int step) {
    ptx::load_matrices_transposed(b, (lane_at ^ (step * 32)) + row * kRowBytes);
  }
};

/// Keys that lie in the runs' own rows.
struct RowKeys {
  const Bf16* first;
  uint32_t stride;
  uint32_t value_offset;  ///< From a key to its value.

  __device__ RowKeys(const AttendShape& shape, const Bf16* qkv, const DevicePages&,
                     const DeviceRun& run, uint32_t kv_head)
      : first(qkv + size_t{run.first_row} * row_width(shape) +
              (shape.heads + kv_head) * shape.head_dim),
        stride(row_width(shape)),
        value_offset(shape.kv_heads * shape.head_dim) {}
  __device__ const Bf16* key(uint32_t position) const {
    return first + uint64_t{position} * stride;
  }
  /// Not to be read beyond `keys`.
  __device__ const Bf16* key(uint32_t position, uint32_t) const { return key(position); }
};

/// Keys that lie in pages.
struct PageKeys {
  const Bf16* first;
  const uint32_t* table;
  size_t page_stride;
  uint32_t head_dim;
  uint32_t value_offset;

  __device__ PageKeys(const AttendShape& shape, const Bf16*, const DevicePages& pages,
                      const DeviceRun& run, uint32_t kv_head)
      : first(pages.base + size_t{kv_head} * 2 * kPageTokens * shape.head_dim),
        table(pages.table + size_t{run.table_row} * pages.table_stride),
        page_stride(size_t{shape.kv_heads} * 2 * kPageTokens * shape.head_dim),
        head_dim(shape.head_dim),
        value_offset(kPageTokens * shape.head_dim) {}
  __device__ const Bf16* key(uint32_t position) const {
    return first + __ldg(table + position / kPageTokens) * page_stride +
           position % kPageTokens * head_dim;
  }
  __device__ const Bf16* key(uint32_t position, uint32_t keys) const {
    return key(min(position, keys - 1));
  }
};

/// f(tile, n, i) for all elements of a warp's accumulators, i within a tile 8 columns wide.
template <int kTiles, int kColumnTiles, class F>
__device__ inline void each_element(F f) {
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) f(tile, n, i);
    }
  }
}

/// Accumulators as fragments a of a product over their columns.
template <int kColumnTiles>
__device__ inline void pack_fragments(uint32_t (&a)[kColumnTiles / 2][4],
                                      const float (&c)[kColumnTiles][4]) {
#pragma unroll
  for (int n = 0; n < kColumnTiles; ++n) {
    a[n / 2][n % 2 * 2] = ptx::pack(c[n][0], c[n][1]);
    a[n / 2][n % 2 * 2 + 1] = ptx::pack(c[n][2], c[n][3]);
  }
}

/// f(std::integral_constant<int, the head size>()).
template <class F>
void with_head_size(const AttendShape& shape, const char* what, const F& f) {
  switch (shape.head_dim) {
    case 16:
      return f(std::integral_constant<int, 16>());
    case 32:
      return f(std::integral_constant<int, 32>());
    case 64:
      return f(std::integral_constant<int, 64>());
    case 128:
      return f(std::integral_constant<int, 128>());
    default:
      throw Error(std::string(what) + ": a head size of " + std::to_string(shape.head_dim) +
                  "; on a card it must be 16, 32, 64 or 128");
  }
}

}  // namespace thespis::gpu::cuda
