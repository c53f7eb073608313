#include "model/engine/weight_units.hpp"

#include <set>

namespace thespis::model {
namespace {

/// Where the tensors of an operation begin, and how long they are together.
std::vector<Shards::Range> ranges_of(const Plan& plan, const OpRecord& op) {
  std::vector<Shards::Range> ranges;
  const uint64_t head_dim = plan.config().head_dim;
  if (op.matrix != kNone) {
    const MatrixSpec& m = plan.matrices()[op.matrix];
    ranges.push_back({m.offset, m.offset + uint64_t{m.outputs} * m.inputs});
    if (m.bias != kNoOffset) ranges.push_back({m.bias, m.bias + m.outputs});
  }
  if (op.kind == OpKind::kHeadNorm) {
    ranges.push_back({op.weight, op.weight + head_dim});
    ranges.push_back({op.weight2, op.weight2 + head_dim});
  } else if (op.weight != kNoOffset) {
    ranges.push_back({op.weight, op.weight + 1});  // One tensor: its beginning names it.
  }
  return ranges;
}

}  // namespace

WeightUnits::WeightUnits(const Plan& plan, const WeightLayout& layout) {
  const auto& segments = plan.segments();
  std::vector<std::set<uint32_t>> users(layout.tensors.size());
  for (uint32_t s = 0; s < segments.size(); ++s)
    for (uint32_t i = 0; i < segments[s].op_count; ++i)
      for (const Shards::Range& range : ranges_of(plan, plan.ops()[segments[s].first_op + i]))
        for (size_t t = 0; t < layout.tensors.size(); ++t) {
          const TensorSpec& tensor = layout.tensors[t];
          if ((range & Shards::Range{tensor.offset, tensor.offset + tensor.size()}).size() > 0)
            users[t].insert(s);
        }
  by_segment_.resize(segments.size());
  for (size_t t = 0; t < layout.tensors.size(); ++t) {
    const uint64_t end = t + 1 < layout.tensors.size() ? layout.tensors[t + 1].offset : layout.size;
    if (t > 0 && users[t] == users[t - 1]) {
      units_.back().range.end = end;
      continue;
    }
    for (const uint32_t s : users[t])
      by_segment_[s].push_back(static_cast<uint32_t>(units_.size()));
    units_.push_back({{layout.tensors[t].offset, end}, *users[t].begin(), *users[t].rbegin()});
  }
}

}  // namespace thespis::model
