#include "model/device/device_slots.hpp"

#include "runtime/env/random.hpp"

namespace thespis::model {

DeviceSlots::DeviceSlots(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream,
                         uint32_t slot_count, uint32_t table_stride)
    : slot_count_(slot_count),
      table_stride_(table_stride),
      tokens_(device, slot_count + 1, "slots"),
      positions_(device, slot_count + 1, "slots"),
      drawn_(device, slot_count + 1, "slots"),
      table_(device, size_t{slot_count + 1} * table_stride, "page tables"),
      draws_(device, slot_count + 1, "slots") {
  stream.zero(tokens_.data(), tokens_.bytes());
  stream.zero(positions_.data(), positions_.bytes());
  stream.zero(drawn_.data(), drawn_.bytes());
  stream.zero(table_.data(), table_.bytes());
  const std::vector<gpu::on_device::Draw> draws(
      slot_count + 1,
      {.key = 0, .stream = 0, .sample = 0, .greedy = 1, .inverse_temperature = 1, .cut = {}});
  stream.upload(draws_.data(), draws.data(), draws_.bytes());
  stream.synchronize();
}

void DeviceSlots::begin(gpu::DeviceStream& stream, uint32_t slot, const Sequence& sequence) {
  const SequenceRequest& r = sequence.request;
  const auto drawn = static_cast<uint32_t>(sequence.result.tokens.size());
  const uint32_t position = sequence.token_count();  // Of the token that is drawn next.
  const gpu::on_device::Draw draw{.key = env::philox_key(r.random_seed, env::Purpose::kSampling),
                                  .stream = r.random_stream,
                                  .sample = r.random_sample,
                                  .greedy = r.temperature == 0.0f ? 1u : 0u,
                                  .inverse_temperature = inverse_temperature(r.temperature),
                                  .cut = r.cut};
  stream.upload(draws_.data() + slot, &draw, sizeof(draw));
  stream.upload(drawn_.data() + slot, &drawn, sizeof(drawn));
  stream.upload(positions_.data() + slot, &position, sizeof(position));
  set_pages(stream, slot, sequence.pages, 0);
}

void DeviceSlots::set_pages(gpu::DeviceStream& stream, uint32_t slot,
                            const std::vector<uint32_t>& pages, size_t first) {
  stream.upload(table_.data() + size_t{slot} * table_stride_ + first, pages.data() + first,
                (pages.size() - first) * sizeof(uint32_t));
}

gpu::on_device::NextRowsArgs DeviceSlots::next_rows(const uint32_t* slots, uint32_t rows,
                                                    int32_t* tokens, uint32_t* positions,
                                                    gpu::DeviceRun* runs) const {
  return {slots, rows, slot_count_, tokens_.data(), positions_.data(), tokens, positions, runs};
}

gpu::on_device::SampleArgs DeviceSlots::draw(const uint32_t* slots, int32_t* tokens,
                                             float* log_kept) const {
  gpu::on_device::SampleArgs a{};
  a.slots = slots;
  a.draws = draws_.data();
  a.drawn_counts = drawn_.data();
  a.tokens = tokens;
  a.log_kept = log_kept;
  a.slot_tokens = tokens_.data();
  return a;
}

}  // namespace thespis::model
