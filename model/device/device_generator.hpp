#pragma once
// model/engine/generator.hpp on a device: GN-1 and GN-2 hold. A decode step is a recorded graph;
// its tokens are read one step late, so that the device never waits for the host:
//   DG-1  step() enqueues the next token of each active sequence, then takes what the former call
//         enqueued; a sequence that ends has at most one token more under way, which is dropped.
//   DG-2  Where pages run out the youngest sequence gives its own back and is computed again from
//         its tokens later; what it gets is the same to the bit.

#include <memory>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/engine/generator.hpp"

namespace thespis::model {

class DeviceGenerator {
 public:
  /// `page_count` 0: as many as all slots can need. InputError where the limits do not fit the
  /// model or the pages not one sequence.
  DeviceGenerator(std::shared_ptr<DeviceModel> model, std::shared_ptr<const Policy> policy,
                  GeneratorLimits limits, uint32_t page_count = 0);
  ~DeviceGenerator();
  DeviceGenerator(const DeviceGenerator&) = delete;
  DeviceGenerator& operator=(const DeviceGenerator&) = delete;

  void install(std::shared_ptr<const Policy> policy);
  uint32_t free_slots() const;
  uint32_t active_count() const;
  std::vector<int32_t> tokens_of(uint64_t id) const;
  void add(SequenceRequest request);
  bool cancel(uint64_t id);
  std::vector<FinishedSequence> step();
  /// Where no sequence is in flight: lets the policy go, so that the next version may take the
  /// place of its weights. install() comes before the next add().
  void rest();
  /// Sequences that gave their pages back so far.
  uint64_t preempted_count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
