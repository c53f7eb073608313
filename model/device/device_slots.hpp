#pragma once
// What a decode step needs of each sequence, in device memory: one slot a sequence, and one more
// for rows that only fill a graph's batch.

#include <memory>
#include <vector>

#include "model/device/device_batch.hpp"
#include "model/engine/sequence.hpp"

namespace thespis::model {

class DeviceSlots {
 public:
  DeviceSlots(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream,
              uint32_t slot_count, uint32_t table_stride);

  uint32_t padding() const { return slot_count_; }
  uint32_t table_stride() const { return table_stride_; }
  const uint32_t* table() const { return table_.data(); }

  /// A sequence whose rows are computed up to its last token next.
  void begin(gpu::DeviceStream& stream, uint32_t slot, const Sequence& sequence);
  /// Pages [first, end) of a sequence.
  void set_pages(gpu::DeviceStream& stream, uint32_t slot, const std::vector<uint32_t>& pages,
                 size_t first);

  /// Rows whose slots lie at `slots`: the next tokens.
  gpu::on_device::NextRowsArgs next_rows(const uint32_t* slots, uint32_t rows, int32_t* tokens,
                                         uint32_t* positions, gpu::DeviceRun* runs) const;
  /// The draw of rows whose slots lie at `slots`; what it gives goes to `tokens` and `log_kept`.
  gpu::on_device::SampleArgs draw(const uint32_t* slots, int32_t* tokens, float* log_kept) const;

 private:
  const uint32_t slot_count_, table_stride_;
  DeviceArray<int32_t> tokens_;
  DeviceArray<uint32_t> positions_, drawn_, table_;
  DeviceArray<gpu::on_device::Draw> draws_;
};

}  // namespace thespis::model
