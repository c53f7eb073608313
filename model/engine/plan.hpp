#pragma once
// A family's forward pass, recorded once: forward is a walk of the list, backward the reverse walk.
//   PL-1  Operations between two attentions are row-local: a walk runs them block of rows by block
//         of rows, so what only they see needs a block's memory and stays in the cache.
//   PL-2  A walk for training keeps what the backward needs; outputs of norms are computed again
//         from what was kept. A gate's backward works in place: its input becomes that input's
//         gradient, its output's gradient that output, which the next product's weights wait for.
//   PL-3  Memory is planned here, once: two values share memory only if their lifetimes do not
//         meet.

#include <cstdint>
#include <string>
#include <vector>

#include "gpu/ops.hpp"
#include "model/engine/weights.hpp"

namespace thespis::model {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint64_t kNoOffset = UINT64_MAX;

using ValueId = uint32_t;

enum class OpKind : uint8_t {
  kEmbed,     // Rows of a table.
  kNorm,      // RMS norm.
  kLinear,    // x W^T (+ bias) (+ residual).
  kHeadNorm,  // RMS norm of each head of q and k; v is copied.
  kRope,      // In place.
  kAttend,    // Needs whole sequences: cuts the list into row-local segments.
  kSwiGlu,
  kGather,   // The rows that predict a token; after it, values have those rows.
  kLogProb,  // Head, log-softmax, and the targets' log-probs or the draw of a token.
};

/// A matrix of the arena (or several that lie one after another, used as one), and its bias.
struct MatrixSpec {
  uint64_t offset = 0;
  uint32_t outputs = 0;
  uint32_t inputs = 0;
  uint64_t bias = kNoOffset;
};

struct OpRecord {
  OpKind kind;
  ValueId input = kNone;
  ValueId output = kNone;
  ValueId residual = kNone;
  ValueId lse = kNone;           // kAttend.
  uint32_t matrix = kNone;       // Index into Plan::matrices().
  uint64_t weight = kNoOffset;   // kEmbed, kNorm; kHeadNorm: of q.
  uint64_t weight2 = kNoOffset;  // kHeadNorm: of k.
  bool accumulate = false;       // Backward adds to the input's gradient, which exists already.
  bool after_gate = false;  // kLinear: the operation before is a kSwiGlu, whose output it takes.
};

/// Where a value lies: `offset` counts floats for each row of the arena's capacity.
struct Slot {
  bool local = false;  ///< In the block arena (a block's rows), else in the whole arena.
  uint32_t offset = kNone;
};

struct MemoryPlan {
  std::vector<Slot> values;      ///< By value.
  std::vector<Slot> recomputed;  ///< Values that backward computes again.
  std::vector<Slot> gradients;   ///< Training only.
  uint32_t whole_width = 0;      ///< Floats for each row of the whole arena.
  uint32_t block_width = 0;

  /// Where the backward finds a value.
  const Slot& kept(ValueId v) const {
    return recomputed[v].offset != kNone ? recomputed[v] : values[v];
  }
};

struct Segment {
  uint32_t first_op;
  uint32_t op_count;
  bool row_local;
  bool head_rows;  ///< Walks the batch's head rows, not its tokens.
};

class Plan {
 public:
  explicit Plan(const ModelConfig& config);

  const ModelConfig& config() const { return config_; }
  const std::vector<OpRecord>& ops() const { return ops_; }
  const std::vector<Segment>& segments() const { return segments_; }
  const std::vector<MatrixSpec>& matrices() const { return matrices_; }
  uint32_t width(ValueId v) const { return widths_[v]; }
  const MemoryPlan& forward_memory() const { return forward_memory_; }
  const MemoryPlan& training_memory() const { return training_memory_; }
  /// The same where the first layers keep nothing within their feed-forward part but its input:
  /// less memory for a third more products of it. No number changes.
  MemoryPlan training_memory(uint32_t recomputed_layers) const {
    return plan_memory(true, recomputed_layers);
  }
  const gpu::AttendShape& attend_shape() const { return attend_shape_; }
  /// [position][cos of head_dim / 2, sin of head_dim / 2], context_max positions.
  const float* rope_table() const { return rope_table_.data(); }

  /// Parameters that take part in a matrix product for each row.
  uint64_t matmul_parameters() const { return matmul_parameters_; }
  /// Multiply-adds x 2 of the forward pass for a sequence of `rows` rows, `head_rows` of them
  /// scored.
  double forward_flops(uint64_t rows, uint64_t head_rows) const;

 private:
  friend class Recorder;
  void cut_segments();
  void plan_gradients();
  MemoryPlan plan_memory(bool training, uint32_t recomputed_layers = 0) const;

  ModelConfig config_;
  gpu::AttendShape attend_shape_{};
  std::vector<OpRecord> ops_;
  std::vector<Segment> segments_;
  std::vector<MatrixSpec> matrices_;
  std::vector<uint32_t> widths_;
  std::vector<ValueId> storage_;           // Values in place of another share its storage.
  std::vector<ValueId> gradient_storage_;  // Values whose gradients are one array.
  MemoryPlan forward_memory_, training_memory_;
  FloatArena rope_table_{0};
  uint64_t matmul_parameters_ = 0;
};

/// What a family's forward is written with. Each call appends one operation and returns its output.
class Recorder {
 public:
  Recorder(Plan& plan, const WeightLayout& layout) : plan_(plan), layout_(layout) {}

  ValueId embed(const std::string& table);
  ValueId norm(ValueId x, const std::string& weight);
  /// `weights`: one matrix, or several over the same inputs whose outputs are concatenated; they
  /// lie one after another in the arena. `biases`: as many, or none.
  ValueId linear(ValueId x, const std::vector<std::string>& weights,
                 const std::vector<std::string>& biases = {}, ValueId residual = kNone);
  ValueId head_norm(ValueId qkv, const std::string& q_weight, const std::string& k_weight);
  ValueId rope(ValueId qkv);
  ValueId attend(ValueId qkv);
  ValueId swiglu(ValueId gate_up);
  ValueId gather(ValueId x);
  void log_prob(ValueId x, const std::string& head);

 private:
  ValueId value(uint32_t width);
  uint32_t matrix(const std::vector<std::string>& weights, const std::vector<std::string>& biases);
  uint64_t contiguous(const std::vector<std::string>& names, uint32_t& rows, uint32_t& cols) const;

  Plan& plan_;
  const WeightLayout& layout_;
};

}  // namespace thespis::model
