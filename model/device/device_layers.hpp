#pragma once
// The parameters of a rank that keeps only its shard of weights and gradients (ZeRO-3): a segment's
// weights come from all ranks before it is walked, the next one's meanwhile; a unit's gradients go
// to their owners when the last segment that adds to them is done. All ranks walk together; one
// that has no rows walks without computing.
//   DL-1  Round by round: the sum over the ranks, in their order, is added to the total.

#include <memory>
#include <string>
#include <vector>

#include "model/device/device_optimizer.hpp"
#include "model/device/device_parameters.hpp"
#include "model/device/device_rank.hpp"
#include "model/device/layer_window.hpp"

namespace thespis::model {

class DeviceLayers final : public DeviceParameters {
 public:
  /// Work on the weights is enqueued on `compute`. All references outlive this.
  /// `optimizer` has the own shard of the weights; who writes it waits for it.
  DeviceLayers(std::shared_ptr<DeviceModel> model, const DeviceGroup& group,
               const DeviceOptimizer& optimizer, gpu::DeviceStream& compute);

  /// A step begins: its gradients go to `total`, an array of the arena that has the own shard.
  void begin(float* total, const std::string& step);
  /// Whoever uses `total` or the weights next waits for what is under way.
  void end();
  /// What a rank without rows does in a round.
  void walk();

  const gpu::Bf16* weight(uint64_t offset) const override;
  float* gradient(uint64_t offset) const override;
  void enter(uint32_t segment, Way way) override;
  void leave(uint32_t segment, Way way) override;

 private:
  /// Memory of the window's.
  template <class T>
  struct Buffer {
    DeviceArray<T> array;
    std::unique_ptr<gpu::DeviceEvent> free;   // What last used it has come so far.
    std::unique_ptr<gpu::DeviceEvent> ready;  // Its weights are there.
  };
  template <class T>
  std::vector<Buffer<T>> make(const std::vector<uint64_t>& sizes, const char* what);
  template <class T>
  T* at(const std::vector<Buffer<T>>& buffers, LayerWindow::Place place, uint64_t offset) const;
  void fetch(LayerWindow::Place place);
  void reduce(LayerWindow::Place place);
  void wait_for(gpu::DeviceStream& waiter, gpu::DeviceStream& of);

  const std::shared_ptr<DeviceModel> model_;
  const DeviceGroup& group_;
  const DeviceOptimizer& optimizer_;
  const Shards& shards_;
  const Shards::Range own_;
  LayerWindow window_;
  gpu::DeviceStream& compute_;
  std::unique_ptr<gpu::DeviceStream> transfer_;
  DeviceReduction reduction_;
  std::vector<Buffer<gpu::Bf16>> weights_;
  std::vector<Buffer<float>> gradients_;
  float* total_ = nullptr;
  std::string step_;
};

}  // namespace thespis::model
