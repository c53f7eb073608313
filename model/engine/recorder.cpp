// Recording of a family's forward pass into a Plan.

#include "model/engine/plan.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {

ValueId Recorder::value(uint32_t width) {
  const ValueId id = static_cast<ValueId>(plan_.widths_.size());
  plan_.widths_.push_back(width);
  plan_.storage_.push_back(id);
  return id;
}

uint64_t Recorder::contiguous(const std::vector<std::string>& names, uint32_t& rows,
                              uint32_t& cols) const {
  const TensorSpec& first = layout_.at(names.front());
  uint64_t end = first.offset;
  rows = 0;
  cols = first.cols;
  for (const std::string& name : names) {
    const TensorSpec& t = layout_.at(name);
    THESPIS_ASSERT(t.offset == end);
    if (t.is_vector()) {
      cols = rows == 0 ? t.cols : cols + t.cols;
      rows = 1;
    } else {
      rows += t.rows;
    }
    end = t.offset + t.size();
  }
  return first.offset;
}

uint32_t Recorder::matrix(const std::vector<std::string>& weights,
                          const std::vector<std::string>& biases) {
  MatrixSpec spec;
  spec.offset = contiguous(weights, spec.outputs, spec.inputs);
  if (!biases.empty()) {
    uint32_t rows = 0, cols = 0;
    spec.bias = contiguous(biases, rows, cols);
    THESPIS_ASSERT(cols == spec.outputs);
  }
  plan_.matmul_parameters_ += uint64_t{spec.outputs} * spec.inputs;
  plan_.matrices_.push_back(spec);
  return static_cast<uint32_t>(plan_.matrices_.size() - 1);
}

ValueId Recorder::embed(const std::string& table) {
  const TensorSpec& t = layout_.at(table);
  const ValueId out = value(t.cols);
  plan_.ops_.push_back({.kind = OpKind::kEmbed, .output = out, .weight = t.offset});
  return out;
}

ValueId Recorder::norm(ValueId x, const std::string& weight) {
  const ValueId out = value(plan_.widths_[x]);
  plan_.ops_.push_back(
      {.kind = OpKind::kNorm, .input = x, .output = out, .weight = layout_.at(weight).offset});
  return out;
}

ValueId Recorder::linear(ValueId x, const std::vector<std::string>& weights,
                         const std::vector<std::string>& biases, ValueId residual) {
  const uint32_t index = matrix(weights, biases);
  const ValueId out = value(plan_.matrices_[index].outputs);
  const OpRecord& former = plan_.ops_.back();
  plan_.ops_.push_back({.kind = OpKind::kLinear,
                        .input = x,
                        .output = out,
                        .residual = residual,
                        .matrix = index,
                        .after_gate = former.kind == OpKind::kSwiGlu && former.output == x});
  return out;
}

ValueId Recorder::head_norm(ValueId qkv, const std::string& q_weight, const std::string& k_weight) {
  const ValueId out = value(plan_.widths_[qkv]);
  plan_.ops_.push_back({.kind = OpKind::kHeadNorm,
                        .input = qkv,
                        .output = out,
                        .weight = layout_.at(q_weight).offset,
                        .weight2 = layout_.at(k_weight).offset});
  return out;
}

ValueId Recorder::rope(ValueId qkv) {
  const ValueId out = value(plan_.widths_[qkv]);
  plan_.storage_[out] = plan_.storage_[qkv];
  plan_.ops_.push_back({.kind = OpKind::kRope, .input = qkv, .output = out});
  return out;
}

ValueId Recorder::attend(ValueId qkv) {
  const ValueId out = value(plan_.attend_shape_.q_size());
  const ValueId lse = value(plan_.attend_shape_.heads);
  plan_.ops_.push_back({.kind = OpKind::kAttend, .input = qkv, .output = out, .lse = lse});
  return out;
}

ValueId Recorder::swiglu(ValueId gate_up) {
  const ValueId out = value(plan_.widths_[gate_up] / 2);
  plan_.ops_.push_back({.kind = OpKind::kSwiGlu, .input = gate_up, .output = out});
  return out;
}

ValueId Recorder::gather(ValueId x) {
  const ValueId out = value(plan_.widths_[x]);
  plan_.ops_.push_back({.kind = OpKind::kGather, .input = x, .output = out});
  return out;
}

void Recorder::log_prob(ValueId x, const std::string& head) {
  plan_.ops_.push_back({.kind = OpKind::kLogProb, .input = x, .matrix = matrix({head}, {})});
}

}  // namespace thespis::model
