#pragma once
// One of several cards that train a model together: its place among them, and what they exchange.
// Each rank keeps the float weights and the moments of its own shard only (ZeRO-1, Rajbhandari
// et al. 2020, arXiv 1910.02054), with ZeRO-3 also gradients and bf16 weights of no other.

#include <memory>
#include <string>
#include <vector>

#include "model/device/device_array.hpp"
#include "model/engine/shards.hpp"
#include "runtime/collective/communicator.hpp"

namespace thespis::model {

/// Ranks are the first members of `cards`; members after them only receive weights.
struct DeviceGroup {
  std::shared_ptr<collective::Communicator> host = collective::alone();
  std::shared_ptr<gpu::DeviceCommunicator> cards;  ///< Null where there is one rank.
  std::vector<bool> samples;  ///< By member of `cards`: it gets each version's weights, whole.

  uint32_t rank() const { return host->rank(); }
  uint32_t ranks() const { return host->size(); }
  bool rank_samples() const { return cards == nullptr || samples[rank()]; }
  /// For all that was enqueued; with other cards never longer than the deadline.
  void wait(gpu::DeviceStream& stream, const std::string& what) const;
};

/// Every rank's gradients of a shard go to the shard's owner, who adds them in the ranks' order.
class DeviceReduction {
 public:
  DeviceReduction(std::shared_ptr<gpu::Device> device, const DeviceGroup& group,
                  const Shards& shards);
  /// gradient [arena, of which `within` is there]: the own shard's part of `within` becomes the sum
  /// over all ranks; the rest is as it was.
  void sum(gpu::DeviceStream& stream, float* gradient, const Shards::Range& within,
           const std::string& what);
  /// Bytes that exchanges need on each card.
  static uint64_t scratch_bytes(const Shards& shards);

 private:
  const DeviceGroup& group_;
  const Shards& shards_;
  uint64_t piece_;  // Floats of a shard that are exchanged at a time.
  DeviceArray<float> received_;
};

/// Every rank's shard comes to every member that samples. `own` [arena, of which the own shard is
/// there] is not read of a member that is no rank, `whole` [arena] not written of one that does not
/// sample; they may be the same.
void share_weights(gpu::DeviceStream& stream, gpu::DeviceCommunicator& cards,
                   const std::vector<bool>& samples, const Shards& shards, const gpu::Bf16* own,
                   gpu::Bf16* whole, const std::string& what);

/// Every rank's part of `within` comes to every rank: `out` [arena, of which `within` is there].
void gather_weights(gpu::DeviceStream& stream, const DeviceGroup& group, const Shards& shards,
                    const Shards::Range& within, const gpu::Bf16* own, gpu::Bf16* out,
                    const std::string& what);

}  // namespace thespis::model
