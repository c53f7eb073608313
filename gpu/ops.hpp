#pragma once
// The operation table of a device. CPU is the reference and obeys the row contract:
//   OP-1  Row i of an output depends on row i of the input (and its own sequence) alone, reduced in
//         one fixed order, whatever the batch, the tiling, the thread or the vector width.
//   OP-2  A matrix product is one fused-multiply-add chain in order of k for each output, from +0.
//   OP-3  Other reductions over a row run in 16 interleaved lanes, then a fixed tree (8, 4, 2, 1).
//   OP-4  exp and log are our own polynomials: every variant of the table gives the same bits.
// Operations are single-threaded and allocate nothing. Matrices are row-major; a stride counts
// floats between rows. Widths of rows are multiples of kLanes, the vocabulary excepted.

#include <cstddef>
#include <cstdint>

namespace thespis::gpu {

constexpr uint32_t kLanes = 16;
constexpr uint32_t kPageTokens = 16;  ///< Tokens in a page of keys and values.

constexpr uint32_t round_up(uint32_t n, uint32_t to) {
  return (n + to - 1) / to * to;
}

/// Panels for y = x W^T with W [outputs, inputs], padded with zeros:
/// [ceil(outputs / panel_width)][inputs][panel_width]. `transposed` reads W as [inputs, outputs]
/// instead: for dx = dy W.
struct PackArgs {
  const float* weight;
  uint32_t outputs;
  uint32_t inputs;
  bool transposed;
  float* panels;
};

/// y = x W^T (+ bias) (+ residual). `residual` has y's shape and stride and may be y itself.
struct LinearArgs {
  const float* x;
  size_t rows;
  size_t x_stride;
  const float* panels;
  uint32_t outputs;
  uint32_t inputs;
  const float* bias;
  const float* residual;
  float* y;
  size_t y_stride;
};

/// dw [outputs, inputs] += dy^T x, and db [outputs] += column sums of dy if db is given.
struct WeightGradientArgs {
  const float* dy;
  size_t dy_stride;
  const float* x;
  size_t x_stride;
  size_t rows;
  uint32_t outputs;
  uint32_t inputs;
  float* dw;
  float* db;
  float* scratch;  ///< weight_gradient_scratch() floats.
};
constexpr size_t weight_gradient_scratch(size_t rows, uint32_t outputs, uint32_t inputs) {
  return rows * (size_t{outputs} + inputs + 64);
}

/// y = x / sqrt(mean(x^2) + eps) * weight over each of `groups` consecutive pieces of `width`.
struct NormArgs {
  const float* x;
  float* y;
  size_t rows;
  size_t stride;  ///< Of x, y and their gradients.
  uint32_t groups;
  uint32_t width;
  const float* weight;
  float eps;
};

/// dx (+)= gradient, dweight += gradient. `forward` as in the forward call; its y is not read.
struct NormBackwardArgs {
  NormArgs forward;
  const float* dy;
  float* dx;
  bool accumulate;
  float* dweight;
};

/// Rotates pairs (i, i + head_dim / 2) of the first `heads` heads of each row in place.
struct RopeArgs {
  float* x;
  size_t rows;
  size_t stride;
  uint32_t heads;
  uint32_t head_dim;
  const uint32_t* positions;
  const float* table;  ///< [position][cos of head_dim / 2, sin of head_dim / 2].
  bool inverse;
};

/// Consecutive rows of one sequence; its pages hold the keys of positions 0 ... last.
struct SequenceRun {
  uint32_t first_row;
  uint32_t row_count;
  uint32_t first_position;
  const uint32_t* pages;
};

/// One page: for each kv head, keys [head_dim][kPageTokens], then values [kPageTokens][head_dim].
struct AttendShape {
  uint32_t heads;
  uint32_t kv_heads;
  uint32_t head_dim;
  constexpr uint32_t q_size() const { return heads * head_dim; }
  constexpr uint32_t qkv_size() const { return (heads + 2 * kv_heads) * head_dim; }
  constexpr uint32_t group() const { return heads / kv_heads; }
  constexpr size_t page_floats() const { return size_t{2} * kv_heads * head_dim * kPageTokens; }
};

/// Causal softmax(q k^T / sqrt(head_dim)) v. Rows of qkv: heads of q, kv heads of k, kv heads of v.
struct AttendArgs {
  AttendShape shape;
  const float* qkv;
  const SequenceRun* sequences;
  size_t sequence_count;
  float* kv;       ///< This layer's pages; store_kv() writes the rows' keys and values there first.
  float* out;      ///< [rows, q_size].
  float* lse;      ///< [rows, heads] log-sum-exp of the scores, or null.
  float* scratch;  ///< attend_scratch() floats.
};

/// Whole sequences only (first_position 0): dqkv from qkv, out, lse and dout.
struct AttendBackwardArgs {
  AttendShape shape;
  const float* qkv;
  const SequenceRun* sequences;
  size_t sequence_count;
  const float* out;
  const float* lse;
  const float* dout;
  float* dqkv;
  float* scratch;
};

/// Floats of scratch for sequences of at most `keys_max` keys, forward and backward.
constexpr size_t attend_scratch(const AttendShape& s, uint32_t keys_max) {
  const size_t tile_rows = size_t{kPageTokens} * s.group();
  const size_t keys = round_up(keys_max, kPageTokens);
  return tile_rows * (4 * size_t{s.head_dim} + 2 * (keys + kLanes) + 4) + 4 * keys * s.head_dim +
         64;
}

/// Log-softmax at a temperature. `logits` rows have `stride` floats, a multiple of kLanes; the call
/// scales them in place and overwrites the padding.
struct LogProbArgs {
  float* logits;
  size_t rows;
  size_t stride;
  uint32_t vocab;
  const float* inverse_temperatures;
  const int32_t* targets;
  float* logprobs;
  float* entropies;
};

/// As LogProbArgs, then logits become dL/dlogits for dL/dlogprob; the padding becomes 0.
struct LogProbBackwardArgs {
  float* logits;
  size_t rows;
  size_t stride;
  uint32_t vocab;
  const float* inverse_temperatures;
  const int32_t* targets;
  const float* dlogprobs;
};

/// What a draw leaves out: all but the top_k most probable tokens (0: none), then all but the most
/// probable ones that together have top_p of what is left, then those less than min_p times as
/// probable as the most probable. Ties at the edge stay.
struct SampleCut {
  float top_p = 1;
  uint32_t top_k = 0;
  float min_p = 0;
  constexpr bool cuts() const { return top_p < 1 || top_k > 0 || min_p > 0; }
};

/// Draws a token for each row: inverse CDF at `uniforms[row]` in [0, 1), or the first maximum where
/// it is negative. Where `cuts` is given, the draw is among the tokens that the row's cut keeps, in
/// proportion to their probabilities. The log-prob is what log_prob gives for that token, cut or
/// not; that of the distribution which was drawn from is log-prob - log_kept, the logarithm of the
/// probability that the cut keeps (0 where it leaves out nothing, and for the first maximum). A row
/// with a logit that is not finite gives token -1.
struct SampleArgs {
  float* logits;
  size_t rows;
  size_t stride;
  uint32_t vocab;
  const float* inverse_temperatures;
  const float* uniforms;
  int32_t* tokens;
  float* logprobs;
  const SampleCut* cuts = nullptr;
  float* log_kept = nullptr;  ///< Or null.
};

/// AdamW on a range. Scalars are prepared in double by the caller.
struct AdamWArgs {
  const float* gradient;
  const float* weight_in;
  float* weight_out;
  float* m;
  float* v;
  size_t size;
  float gradient_scale;
  float beta1, rest1;  ///< rest = 1 - beta.
  float beta2, rest2;
  float keep;                      ///< 1 - learning rate * decay.
  float step_size;                 ///< learning rate / (1 - beta1^t).
  float inverse_sqrt_correction2;  ///< 1 / sqrt(1 - beta2^t).
  float epsilon;
};

struct Ops {
  const char* name;
  uint32_t panel_width;
  void (*pack)(const PackArgs&);
  void (*linear)(const LinearArgs&);
  void (*weight_gradient)(const WeightGradientArgs&);
  void (*rms_norm)(const NormArgs&);
  void (*rms_norm_backward)(const NormBackwardArgs&);
  void (*rope)(const RopeArgs&);
  void (*store_kv)(const AttendArgs&);
  void (*attend)(const AttendArgs&);
  void (*attend_backward)(const AttendBackwardArgs&);
  /// y [rows, width] = silu(gate) * up, with gate_up [rows, 2 width].
  void (*swiglu)(const float* gate_up, size_t rows, uint32_t width, float* y);
  /// In place: `gate_up` becomes its gradient, `dy` becomes y, which the backward of what follows
  /// needs.
  void (*swiglu_backward)(float* gate_up, float* dy, size_t rows, uint32_t width);
  void (*log_prob)(const LogProbArgs&);
  void (*log_prob_backward)(const LogProbBackwardArgs&);
  void (*sample)(const SampleArgs&);
  /// out[i] = table[indices[i]].
  void (*gather_rows)(const float* table, const int32_t* indices, size_t rows, uint32_t width,
                      float* out);
  /// table[indices[i]] += in[i], in order of i.
  void (*scatter_add_rows)(const float* in, const int32_t* indices, size_t rows, uint32_t width,
                           float* table);
  /// lanes[0][i] += lanes[1][i] + ..., in order, for `size` (a multiple of kLanes) elements from
  /// `offset`; returns the sum of squares of the result.
  double (*sum_lanes)(float* const* lanes, size_t count, size_t offset, size_t size);
  void (*adamw)(const AdamWArgs&);

  /// Floats of a matrix's panels.
  size_t packed_size(uint32_t outputs, uint32_t inputs) const {
    return size_t{round_up(outputs, panel_width)} * inputs;
  }
};

/// The variants this machine can run, the fastest first; the last is the plain one.
struct OpsList {
  const Ops* variants[3];
  size_t count;
};
OpsList cpu_variants();

/// The fastest of them.
const Ops& cpu_ops();

}  // namespace thespis::gpu
