#include "model/device/device_batch.hpp"

#include <algorithm>
#include <numeric>

namespace thespis::model {

TokenRows TokenRows::of(const std::vector<int32_t>& tokens) {
  TokenRows r;
  r.order.resize(tokens.size());
  std::iota(r.order.begin(), r.order.end(), 0u);
  std::stable_sort(r.order.begin(), r.order.end(),
                   [&](uint32_t a, uint32_t b) { return tokens[a] < tokens[b]; });
  for (uint32_t i = 0; i < r.order.size(); ++i) {
    if (!r.tokens.empty() && r.tokens.back() == tokens[r.order[i]]) continue;
    r.tokens.push_back(tokens[r.order[i]]);
    r.starts.push_back(i);
  }
  r.starts.push_back(static_cast<uint32_t>(tokens.size()));
  return r;
}

DeviceBatch DeviceBatchMemory::upload(gpu::DeviceStream& stream, const Batch& batch) {
  DeviceBatch b;
  b.rows = batch.rows();
  b.tokens = put(stream, tokens_, batch.tokens);
  b.positions = put(stream, positions_, batch.positions);
  std::vector<gpu::DeviceRun> runs;
  for (const gpu::SequenceRun& run : batch.sequences) {
    runs.push_back({run.first_row, run.row_count, run.first_position, 0});
    b.rows_max = std::max(b.rows_max, run.row_count);
  }
  b.keys_max = batch.keys_max();
  b.runs = put(stream, runs_, runs);
  b.run_count = static_cast<uint32_t>(runs.size());
  b.head_count = static_cast<uint32_t>(batch.head_rows.size());
  b.head_rows = put(stream, head_rows_, batch.head_rows);
  b.inverse_temperatures = put(stream, temperatures_, batch.inverse_temperatures);
  b.targets = put(stream, targets_, batch.targets);
  for (DeviceArray<float>* out : {&logprobs_, &entropies_, &lse_, &dlogprobs_})
    out->reserve(device_, b.head_count, "a batch");
  b.logprobs = logprobs_.data();
  b.entropies = entropies_.data();
  b.lse = lse_.data();
  return b;
}

gpu::on_device::ScatterAddArgs DeviceBatchMemory::upload(gpu::DeviceStream& stream,
                                                         const TokenRows& rows) {
  gpu::on_device::ScatterAddArgs a{};
  a.indices = put(stream, row_tokens_, rows.tokens);
  a.starts = put(stream, starts_, rows.starts);
  a.order = put(stream, order_, rows.order);
  a.count = rows.tokens.size();
  return a;
}

}  // namespace thespis::model
