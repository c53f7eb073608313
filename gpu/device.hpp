#pragma once
// A device with memory of its own, and the operation table on it: what gpu/ops.hpp says of the CPU,
// with activations and weights in bf16, sums in float. Its code lies in a shared object of its own
// (gpu/cuda), loaded where a device is asked for; nothing else needs the toolkit.
//   DV-1  OP-1 holds: a row of a result depends on its own input row (and its own sequence),
//         reduced in one fixed order, whatever the batch, the paging or the cut into runs.
//   DV-2  Rounding to bf16 happens where an operation writes a bf16 result, nowhere else.
//   DV-3  Gradients are sums in one fixed order: the same call gives the same bits.
//   DV-4  Work on one stream runs in the order of the calls, which do not wait for it.
// Pointers are to device memory unless a comment says host. Widths are multiples of 8; matrices are
// row-major, a stride counts elements. Every call may throw Error: what failed, and in which call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "gpu/ops.hpp"

namespace thespis::gpu {

/// The upper half of a float.
struct Bf16 {
  uint16_t bits;
};

struct DeviceInfo {
  std::string name;
  uint64_t memory = 0;       ///< Bytes.
  uint64_t memory_free = 0;  ///< Bytes.
  uint32_t multiprocessors = 0;
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

/// dw [outputs, inputs] += dy^T x.
struct WeightGradientArgs {
  const Bf16* dy;
  size_t dy_stride;
  const Bf16* x;
  size_t rows;
  uint32_t outputs;
  uint32_t inputs;
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

struct AdamWArgs {
  const ParameterTile* tiles;
  uint32_t tile_count;
  const float* gradient;
  float* master;
  float* m;
  float* v;
  Bf16* weight_out;
  float gradient_scale;
  float beta1, beta2;
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

/// Work that was recorded once and runs as a whole.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
};

/// A moment in a stream's work.
class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
  virtual void wait_on_host() = 0;
  /// Milliseconds from `earlier` to this; both have passed.
  virtual float milliseconds_since(const DeviceEvent& earlier) const = 0;
};

class DeviceStream {
 public:
  virtual ~DeviceStream() = default;
  /// Host memory that is not pinned is free when the call returns; pinned memory must stay.
  virtual void upload(void* to, const void* from_host, size_t bytes) = 0;
  virtual void download(void* to_host, const void* from, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void zero(void* at, size_t bytes) = 0;
  virtual void synchronize() = 0;
  virtual std::unique_ptr<DeviceEvent> make_event() = 0;
  virtual void record(DeviceEvent& event) = 0;
  virtual void wait(const DeviceEvent& event) = 0;
  virtual void begin_capture() = 0;
  virtual std::unique_ptr<DeviceGraph> end_capture() = 0;
  virtual void launch(const DeviceGraph& graph) = 0;

  virtual void to_bf16(const float* in, size_t size, Bf16* out) = 0;
  virtual void gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                           Bf16* out) = 0;
  /// out[indices[i]] = in[i]; indices differ from each other.
  virtual void scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                            Bf16* out) = 0;
  virtual void scatter_add_rows(const on_device::ScatterAddArgs&) = 0;
  virtual void linear(const on_device::LinearArgs&) = 0;
  virtual void gated_linear(const on_device::GatedLinearArgs&) = 0;
  virtual void linear_input_gradient(const on_device::LinearInputGradientArgs&) = 0;
  virtual void weight_gradient(const on_device::WeightGradientArgs&) = 0;
  virtual void rms_norm(const on_device::NormArgs&) = 0;
  virtual void rms_norm_backward(const on_device::NormBackwardArgs&) = 0;
  virtual void finish_qkv(const on_device::FinishQkvArgs&) = 0;
  virtual void finish_qkv_backward(const on_device::FinishQkvBackwardArgs&) = 0;
  virtual void attend(const on_device::AttendArgs&) = 0;
  virtual void attend_backward(const on_device::AttendBackwardArgs&) = 0;
  virtual void swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) = 0;
  /// `dy` becomes y, which the backward of what follows needs.
  virtual void swiglu_backward(const Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width,
                               Bf16* dgate_up) = 0;
  virtual void log_prob(const on_device::LogProbArgs&) = 0;
  virtual void log_prob_backward(const on_device::LogProbBackwardArgs&) = 0;
  virtual void sample(const on_device::SampleArgs&) = 0;
  virtual void next_rows(const on_device::NextRowsArgs&) = 0;
  virtual void squares(const on_device::SquaresArgs&) = 0;
  virtual void adamw(const on_device::AdamWArgs&) = 0;
};

/// One card. Thread-safe; a stream belongs to one thread at a time.
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceInfo info() const = 0;
  /// Error says who (`what`) asked for how much and how much was free.
  virtual void* allocate(size_t bytes, const std::string& what) = 0;
  virtual void release(void* at) noexcept = 0;
  /// Pinned memory of the host.
  virtual void* allocate_host(size_t bytes, const std::string& what) = 0;
  virtual void release_host(void* at) noexcept = 0;
  virtual std::unique_ptr<DeviceStream> make_stream() = 0;
};

/// Bytes of scratch for an attend() of runs of one row each with at most `keys_max` keys; cleared
/// once, after it was made.
constexpr size_t attend_scratch_bytes(const AttendShape& s, size_t runs, uint32_t keys_max) {
  const size_t pieces = (keys_max + on_device::kAttendPiece - 1) / on_device::kAttendPiece;
  return runs * s.heads * pieces * (size_t{s.head_dim} + 2) * sizeof(float) +
         on_device::kAttendCounts * sizeof(uint32_t);
}

/// Card `index`, through libthespis_cuda.so beside the program. InputError where there is no such
/// card or the program was built without CUDA: what is lacking and how to get it.
std::shared_ptr<Device> open_device(uint32_t index);

}  // namespace thespis::gpu
