#pragma once
// A device with memory of its own, and the operation table on it: what gpu/ops.hpp says of the CPU,
// with activations and weights in bf16, sums in float. Its code lies in a shared object of its own
// (gpu/cuda), loaded where a device is asked for; nothing else needs the toolkit.
//   DV-1  OP-1 holds: a row of a result depends on its own input row (and its own sequence),
//         reduced in one fixed order, whatever the batch, the paging or the cut into runs.
//   DV-2  Rounding to bf16 happens where an operation writes a bf16 result, nowhere else.
//   DV-3  Gradients are sums in one fixed order: the same call gives the same bits.
//   DV-4  Work on one stream runs in the order of the calls, which do not wait for it.
// Every call may throw Error: what failed, and in which call.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "gpu/device_communicator.hpp"
#include "gpu/device_ops.hpp"

namespace thespis::gpu {

struct DeviceInfo {
  std::string name;
  uint64_t memory = 0;       ///< Bytes.
  uint64_t memory_free = 0;  ///< Bytes.
  uint32_t multiprocessors = 0;
};

/// Work that was recorded once and runs as a whole.
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
};

/// A moment in a stream's work.
class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
  virtual void wait_on_host() = 0;
  /// Milliseconds from `earlier` to this; both have passed.
  virtual float milliseconds_since(const DeviceEvent& earlier) const = 0;
};

class DeviceStream {
 public:
  virtual ~DeviceStream() = default;
  /// Host memory that is not pinned is free when the call returns; pinned memory must stay.
  virtual void upload(void* to, const void* from_host, size_t bytes) = 0;
  virtual void download(void* to_host, const void* from, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void zero(void* at, size_t bytes) = 0;
  virtual void synchronize() = 0;
  virtual std::unique_ptr<DeviceEvent> make_event() = 0;
  virtual void record(DeviceEvent& event) = 0;
  virtual void wait(const DeviceEvent& event) = 0;
  virtual void begin_capture() = 0;
  virtual std::unique_ptr<DeviceGraph> end_capture() = 0;
  virtual void launch(const DeviceGraph& graph) = 0;

  virtual void to_bf16(const float* in, size_t size, Bf16* out) = 0;
  /// The halves of floats (gpu/split_float.hpp), each where it is asked for; sizes are multiples of
  /// 8.
  virtual void split_floats(const float* in, size_t size, Bf16* high, uint16_t* low) = 0;
  virtual void join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out) = 0;
  virtual void gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                           Bf16* out) = 0;
  /// out[indices[i]] = in[i]; indices differ from each other.
  virtual void scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                            Bf16* out) = 0;
  virtual void scatter_add_rows(const on_device::ScatterAddArgs&) = 0;
  virtual void linear(const on_device::LinearArgs&) = 0;
  virtual void gated_linear(const on_device::GatedLinearArgs&) = 0;
  virtual void linear_input_gradient(const on_device::LinearInputGradientArgs&) = 0;
  virtual void weight_gradient(const on_device::WeightGradientArgs&) = 0;
  virtual void rms_norm(const on_device::NormArgs&) = 0;
  virtual void rms_norm_backward(const on_device::NormBackwardArgs&) = 0;
  virtual void finish_qkv(const on_device::FinishQkvArgs&) = 0;
  virtual void finish_qkv_backward(const on_device::FinishQkvBackwardArgs&) = 0;
  virtual void attend(const on_device::AttendArgs&) = 0;
  virtual void attend_backward(const on_device::AttendBackwardArgs&) = 0;
  virtual void swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) = 0;
  /// In place, as Ops::swiglu_backward.
  virtual void swiglu_backward(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) = 0;
  virtual void log_prob(const on_device::LogProbArgs&) = 0;
  virtual void log_prob_backward(const on_device::LogProbBackwardArgs&) = 0;
  virtual void sample(const on_device::SampleArgs&) = 0;
  virtual void next_rows(const on_device::NextRowsArgs&) = 0;
  virtual void squares(const on_device::SquaresArgs&) = 0;
  virtual void sum_lanes(const on_device::SumLanesArgs&) = 0;
  virtual void adamw(const on_device::AdamWArgs&) = 0;
};

/// One card. Thread-safe; a stream belongs to one thread at a time.
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceInfo info() const = 0;
  /// Error says who (`what`) asked for how much and how much was free.
  virtual void* allocate(size_t bytes, const std::string& what) = 0;
  virtual void release(void* at) noexcept = 0;
  /// Pinned memory of the host.
  virtual void* allocate_host(size_t bytes, const std::string& what) = 0;
  virtual void release_host(void* at) noexcept = 0;
  virtual std::unique_ptr<DeviceStream> make_stream() = 0;
  /// What the memory was planned for: errors of allocate() end with it.
  virtual void note_plan(std::string plan) = 0;
  /// Streams made from here on give up DV-1 for products: any algorithm may compute them.
  virtual void take_any_products() = 0;
  virtual bool keeps_row_contract() const = 0;
  /// For join(), of whichever card. InputError where NCCL is lacking, as join().
  virtual CommunicatorId make_communicator_id() = 0;
  /// Returns when all `size` members have joined. Error after `deadline`, which is also that of
  /// each later wait.
  virtual std::unique_ptr<DeviceCommunicator> join(const CommunicatorId& id, uint32_t rank,
                                                   uint32_t size,
                                                   std::chrono::milliseconds deadline) = 0;
};

/// Card `index`, through libthespis_cuda.so beside the program. InputError where there is no such
/// card or the program was built without CUDA: what is lacking and how to get it.
std::shared_ptr<Device> open_device(uint32_t index);

}  // namespace thespis::gpu
