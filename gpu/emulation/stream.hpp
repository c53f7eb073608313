#pragma once
// A stream of an emulated card: each call becomes a step of its queue. What a call takes by address
// is read when the step runs, except the host's memory that is not pinned.

#include "gpu/emulation/communicator.hpp"
#include "gpu/emulation/memory.hpp"

namespace thespis::gpu::emulation {

/// What the cards of one host share.
struct Host {
  explicit Host(const CardOptions& options) : schedule(options), pinned(UINT64_MAX) {}
  Schedule schedule;
  Memory pinned;
  Meetings meetings;
};

class Stream final : public DeviceStream {
 public:
  Stream(std::shared_ptr<Host> host, std::shared_ptr<const Memory> memory, uint32_t card);
  ~Stream() override;

  void upload(void* to, const void* from_host, size_t bytes) override;
  void download(void* to_host, const void* from, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void zero(void* at, size_t bytes) override;
  void synchronize() override;
  std::unique_ptr<DeviceEvent> make_event() override;
  void record(DeviceEvent& event) override;
  void wait(const DeviceEvent& event) override;
  void begin_capture() override;
  std::unique_ptr<DeviceGraph> end_capture() override;
  void launch(const DeviceGraph& graph) override;

  void to_bf16(const float* in, size_t size, Bf16* out) override;
  void split_floats(const float* in, size_t size, Bf16* high, uint16_t* low) override;
  void join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out) override;
  void gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                   Bf16* out) override;
  void scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                    Bf16* out) override;
  void scatter_add_rows(const on_device::ScatterAddArgs&) override;
  void linear(const on_device::LinearArgs&) override;
  void gated_linear(const on_device::GatedLinearArgs&) override;
  void linear_input_gradient(const on_device::LinearInputGradientArgs&) override;
  void weight_gradient(const on_device::WeightGradientArgs&) override;
  void rms_norm(const on_device::NormArgs&) override;
  void rms_norm_backward(const on_device::NormBackwardArgs&) override;
  void finish_qkv(const on_device::FinishQkvArgs&) override;
  void finish_qkv_backward(const on_device::FinishQkvBackwardArgs&) override;
  void attend(const on_device::AttendArgs&) override;
  void attend_backward(const on_device::AttendBackwardArgs&) override;
  void swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) override;
  void swiglu_backward(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) override;
  void log_prob(const on_device::LogProbArgs&) override;
  void log_prob_backward(const on_device::LogProbBackwardArgs&) override;
  void sample(const on_device::SampleArgs&) override;
  void next_rows(const on_device::NextRowsArgs&) override;
  void squares(const on_device::SquaresArgs&) override;
  void sum_lanes(const on_device::SumLanesArgs&) override;
  void adamw(const on_device::AdamWArgs&) override;

  /// Adds a step, to the graph where one is being recorded; the moment after it.
  Place add(Step step);
  Place end() { return host_->schedule.end_of(queue_); }

 private:
  void add(const char* what, const Uses& uses, std::function<void()> work);

  const std::shared_ptr<Host> host_;
  const std::shared_ptr<const Memory> memory_;
  const std::shared_ptr<Queue> queue_;
  bool captures_ = false;
  std::vector<Step> captured_;
};

}  // namespace thespis::gpu::emulation
