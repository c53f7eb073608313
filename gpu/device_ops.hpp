#pragma once
// What the operations of a device take (gpu/device.hpp says what holds of them). Pointers are to
// device memory unless a comment says host. Widths are multiples of 8; matrices are row-major, a
// stride counts elements.

#include <cstddef>
#include <cstdint>

#include "gpu/ops.hpp"

namespace thespis::gpu {

/// The upper half of a float.
struct Bf16 {
  uint16_t bits;
};

/// Consecutive rows of one sequence: as SequenceRun, its pages a row of the batch's page table.
struct DeviceRun {
  uint32_t first_row;
  uint32_t row_count;
  uint32_t first_position;
  uint32_t table_row;
};

/// Pages of one layer: page p is, for each kv head, keys [kPageTokens][head_dim], then values of
/// the same shape. `table` [runs' table rows][table_stride] holds page numbers by
/// position / kPageTokens.
struct DevicePages {
  Bf16* base = nullptr;  ///< Null: there are no pages.
  const uint32_t* table = nullptr;
  uint32_t table_stride = 0;
};

namespace on_device {

/// y [rows, outputs] = x [rows, inputs] W^T (+ residual): the row contract holds. `residual` may be
/// y. Where `y_float` is given the result goes there, unrounded, and y and residual are not used.
struct LinearArgs {
  const Bf16* x;
  size_t rows;
  const Bf16* weight;  ///< [outputs, inputs].
  uint32_t outputs;
  uint32_t inputs;
  const Bf16* residual;
  Bf16* y;
  float* y_float;
  size_t y_stride;
};

/// y [rows, outputs] = silu(x G^T) (x U^T), both rounded before they meet: the bits of linear() and
/// swiglu(). `weight` is [2 outputs, inputs], G before U.
struct GatedLinearArgs {
  const Bf16* x;
  size_t rows;
  const Bf16* weight;
  uint32_t outputs;
  uint32_t inputs;
  Bf16* gate_up;  ///< [rows, 2 outputs], scratch.
  Bf16* y;
};

/// dx [rows, inputs] (+)= dy W. No row contract.
struct LinearInputGradientArgs {
  const Bf16* dy;
  size_t dy_stride;
  size_t rows;
  const Bf16* weight;
  uint32_t outputs;
  uint32_t inputs;
  bool accumulate;
  Bf16* dx;
};

/// dw [outputs, inputs] (+)= dy^T x.
struct WeightGradientArgs {
  const Bf16* dy;
  size_t dy_stride;
  const Bf16* x;
  size_t rows;
  uint32_t outputs;
  uint32_t inputs;
  bool accumulate;
  float* dw;
};

/// Sums over rows are made of so many parts, in order, in column_scratch() floats.
constexpr uint32_t kColumnParts = 256;
constexpr size_t column_scratch(size_t width) {
  return kColumnParts * width;
}

/// As gpu::NormArgs, with groups of one row each (groups = 1).
struct NormArgs {
  const Bf16* x;
  Bf16* y;
  size_t rows;
  uint32_t width;
  const Bf16* weight;
  float eps;
};

/// dx (+)= gradient; dweight += gradient, through column_scratch(width) floats.
struct NormBackwardArgs {
  NormArgs forward;  ///< y is not read.
  const Bf16* dy;
  Bf16* dx;
  bool accumulate;
  float* dweight;
  float* scratch;
};

/// What stands between the product of q, k, v and attention, in one pass: bias, norm of each head
/// of q and k, rotation, and the rows' keys and values into the pages. `in` may be `out`.
struct FinishQkvArgs {
  AttendShape shape;
  const Bf16* in;  ///< [rows, qkv_size].
  Bf16* out;
  size_t rows;
  const Bf16* bias;    ///< Or null.
  const Bf16* q_norm;  ///< Or null, as k_norm. Not together with a bias.
  const Bf16* k_norm;
  float eps;
  const uint32_t* positions;
  const float* rope_table;  ///< [position][cos of head_dim / 2, sin of head_dim / 2].
  DevicePages pages;
  const uint32_t* table_rows;  ///< By row; only with pages.
};

/// dqkv with respect to the finished rows becomes that with respect to `in`, in place.
struct FinishQkvBackwardArgs {
  FinishQkvArgs forward;
  Bf16* dqkv;
  float* dbias;    ///< += , or null.
  float* dq_norm;  ///< += , or null.
  float* dk_norm;
  float* scratch;  ///< column_scratch(qkv_size) floats.
};

/// Causal softmax(q k^T / sqrt(head_dim)) v over finished rows. Keys and values come from the
/// pages, or, without pages, from qkv itself: then runs are whole sequences.
struct AttendArgs {
  AttendShape shape;
  const Bf16* qkv;
  const DeviceRun* runs;
  uint32_t run_count;
  uint32_t rows_max;  ///< Of any run.
  uint32_t keys_max;  ///< first_position + row_count, of any run.
  DevicePages pages;
  Bf16* out;      ///< [rows, q_size].
  float* lse;     ///< [rows, heads], natural logarithm, or null.
  void* scratch;  ///< attend_scratch_bytes().
  /// Where attend_finishes(): the rows are finished on the way, `qkv` and this one's `out` are not
  /// used. Null: they are finished. The host's memory, free when the call returns.
  const FinishQkvArgs* unfinished = nullptr;
};
/// True where attend() can finish rows: runs of one row each, in pages.
constexpr uint32_t kAttendGroupMax = 16;
constexpr bool attend_finishes(const AttendShape& shape, uint32_t rows_max, bool has_pages) {
  return has_pages && rows_max == 1 && shape.group() <= kAttendGroupMax;
}
/// Keys are reduced piece by piece of so many, then the pieces in order.
constexpr uint32_t kAttendPiece = 256;
constexpr uint32_t kAttendCounts = 32768;  ///< At the front of the scratch: finished pieces.

/// Whole sequences only: dqkv of the finished rows.
struct AttendBackwardArgs {
  AttendShape shape;
  const Bf16* qkv;
  const DeviceRun* runs;
  uint32_t run_count;
  uint32_t rows_max;
  size_t rows;  ///< Of all runs.
  const Bf16* out;
  const float* lse;
  const Bf16* dout;
  Bf16* dqkv;
  float* delta;  ///< [rows, heads], scratch.
};

/// As gpu::LogProbArgs, the logits left as they are.
struct LogProbArgs {
  const float* logits;
  size_t rows;
  size_t stride;
  uint32_t vocab;
  const float* inverse_temperatures;
  const int32_t* targets;
  float* logprobs;
  float* entropies;
  float* lse;  ///< By row: the log-sum-exp of the tempered logits.
};

/// Logits become dL/dlogits for dL/dlogprob, in bf16: [rows, 2 stride], of which the second half of
/// a row is left; the padding becomes 0.
struct LogProbBackwardArgs {
  float* logits;
  size_t rows;
  size_t stride;
  uint32_t vocab;
  const float* inverse_temperatures;
  const int32_t* targets;
  const float* lse;  ///< As log_prob gave it.
  const float* dlogprobs;
};

/// One draw: which random number, how hot, what it leaves out.
struct Draw {
  uint64_t key;     ///< env::philox_key of the run's seed.
  uint64_t stream;  ///< The prompt.
  uint32_t sample;
  uint32_t greedy;  ///< 1: the first maximum.
  float inverse_temperature;
  SampleCut cut;
};

/// As gpu::SampleArgs; the uniform number is drawn here. Row r draws for `slots[r]`.
struct SampleArgs {
  const float* logits;
  size_t rows;
  size_t stride;
  uint32_t vocab;
  const uint32_t* slots;
  const Draw* draws;       ///< By slot.
  uint32_t* drawn_counts;  ///< By slot: the position in the completion; counted up.
  int32_t* tokens;         ///< By row; -1 where a logit is not finite.
  float* logprobs;         ///< By row.
  float* log_kept;         ///< By row, as gpu::SampleArgs.
  int32_t* slot_tokens;    ///< By slot: the token again, for the next step.
};

/// A piece of the arena that one block of threads works on.
struct ParameterTile {
  uint64_t offset;
  uint32_t size;    ///< At most kTileSize.
  uint32_t decays;  ///< 1: weight decay applies.
};
constexpr uint32_t kTileSize = 65536;

/// squares[i] = sum of the squares of tile i.
struct SquaresArgs {
  const float* x;
  const ParameterTile* tiles;
  uint32_t tile_count;
  double* squares;
};

/// sums [size] = lanes[0] + lanes[1] + ..., added in this order. `sums` may be one of them.
constexpr uint32_t kLanesMax = 64;
struct SumLanesArgs {
  const float* lanes[kLanesMax];
  uint32_t count;
  size_t size;  ///< A multiple of 4.
  float* sums;
};

/// As gpu::AdamWArgs, to the bit, with float weights that are split (gpu/split_float.hpp);
/// `weight_out` may be `weight_in`.
struct AdamWArgs {
  const ParameterTile* tiles;
  uint32_t tile_count;
  const float* gradient;
  const Bf16* weight_in;
  uint16_t* weight_low;  ///< In and out.
  float* m;
  float* v;
  Bf16* weight_out;
  float gradient_scale;
  float beta1, rest1;  ///< rest = 1 - beta.
  float beta2, rest2;
  float keep;  ///< 1 - learning rate * decay, where decay applies.
  float step_size;
  float inverse_sqrt_correction2;
  float epsilon;
};

/// The rows of a decode step, from what each slot has: row r is slot slots[r]'s next token. Rows of
/// slot `padding` only fill the batch: token 0 at position 0.
struct NextRowsArgs {
  const uint32_t* slots;
  size_t rows;
  uint32_t padding;
  const int32_t* slot_tokens;
  uint32_t* slot_positions;  ///< Of that token; counted up.
  int32_t* tokens;
  uint32_t* positions;
  DeviceRun* runs;  ///< One row each; table_row = the slot.
};

/// Rows of equal index, in order of index: rows order[starts[i] ... starts[i + 1]) have index
/// indices[i].
struct ScatterAddArgs {
  const Bf16* in;
  const int32_t* indices;
  const uint32_t* starts;
  const uint32_t* order;
  size_t count;
  uint32_t width;
  float* table;
};

}  // namespace on_device

}  // namespace thespis::gpu
