// One card through the CUDA runtime: memory, streams, and the table of operations.

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdio>
#include <mutex>

#include "gpu/cuda/communicator.hpp"
#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/matrices.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw Error(std::string("cuda: ") + what + ": " + cudaGetErrorString(status));
}

namespace {

class Graph final : public DeviceGraph {
 public:
  explicit Graph(cudaGraph_t graph) {
    const cudaError_t status = cudaGraphInstantiate(&work, graph, 0);
    cudaGraphDestroy(graph);
    check(status, "making a graph");
  }
  ~Graph() override { cudaGraphExecDestroy(work); }
  cudaGraphExec_t work = nullptr;
};

class Event final : public DeviceEvent {
 public:
  Event() { check(cudaEventCreateWithFlags(&at, cudaEventBlockingSync), "an event"); }
  ~Event() override { cudaEventDestroy(at); }
  void wait_on_host() override { check(cudaEventSynchronize(at), "waiting for the device"); }
  float milliseconds_since(const DeviceEvent& earlier) const override {
    float ms = 0;
    check(cudaEventElapsedTime(&ms, static_cast<const Event&>(earlier).at, at), "timing");
    return ms;
  }
  cudaEvent_t at = nullptr;
};

class Stream final : public DeviceStream {
 public:
  Stream(int index, std::shared_ptr<Algorithms> algorithms, bool row_contract)
      : index_(index), matrices_(std::move(algorithms), row_contract) {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
  }
  ~Stream() override {
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
  }

  void upload(void* to, const void* from_host, size_t bytes) override {
    copy(to, from_host, bytes, cudaMemcpyHostToDevice);
  }
  void download(void* to_host, const void* from, size_t bytes) override {
    copy(to_host, from, bytes, cudaMemcpyDeviceToHost);
  }
  void copy(void* to, const void* from, size_t bytes) override {
    copy(to, from, bytes, cudaMemcpyDeviceToDevice);
  }
  void zero(void* at, size_t bytes) override {
    check(cudaMemsetAsync(at, 0, bytes, enter()), "clearing memory");
  }
  void synchronize() override { check(cudaStreamSynchronize(enter()), "waiting for the device"); }
  std::unique_ptr<DeviceEvent> make_event() override {
    enter();
    return std::make_unique<Event>();
  }
  void record(DeviceEvent& event) override {
    check(cudaEventRecord(static_cast<Event&>(event).at, enter()), "an event");
  }
  void wait(const DeviceEvent& event) override {
    check(cudaStreamWaitEvent(enter(), static_cast<const Event&>(event).at, 0), "an event");
  }
  void begin_capture() override {
    check(cudaStreamBeginCapture(enter(), cudaStreamCaptureModeThreadLocal), "a capture");
  }
  std::unique_ptr<DeviceGraph> end_capture() override {
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(enter(), &graph), "a capture");
    return std::make_unique<Graph>(graph);
  }
  void launch(const DeviceGraph& graph) override {
    check(cudaGraphLaunch(static_cast<const Graph&>(graph).work, enter()), "a graph");
  }

  void to_bf16(const float* in, size_t size, Bf16* out) override {
    cuda::to_bf16(enter(), in, size, out);
  }
  void split_floats(const float* in, size_t size, Bf16* high, uint16_t* low) override {
    cuda::split_floats(enter(), in, size, high, low);
  }
  void join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out) override {
    cuda::join_floats(enter(), high, low, size, out);
  }
  void gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                   Bf16* out) override {
    cuda::gather_rows(enter(), table, indices, rows, width, out);
  }
  void scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                    Bf16* out) override {
    cuda::scatter_rows(enter(), in, indices, rows, width, out);
  }
  void scatter_add_rows(const ScatterAddArgs& a) override { cuda::scatter_add_rows(enter(), a); }
  void linear(const on_device::LinearArgs& a) override { matrices_.linear(enter(), a); }
  void gated_linear(const on_device::GatedLinearArgs& a) override {
    matrices_.gated_linear(enter(), a);
  }
  void linear_input_gradient(const on_device::LinearInputGradientArgs& a) override {
    matrices_.input_gradient(enter(), a);
  }
  void weight_gradient(const on_device::WeightGradientArgs& a) override {
    matrices_.weight_gradient(enter(), a);
  }
  void rms_norm(const NormArgs& a) override { cuda::rms_norm(enter(), a); }
  void rms_norm_backward(const NormBackwardArgs& a) override {
    cuda::rms_norm_backward(enter(), a);
  }
  void finish_qkv(const FinishQkvArgs& a) override { cuda::finish_qkv(enter(), a); }
  void finish_qkv_backward(const FinishQkvBackwardArgs& a) override {
    cuda::finish_qkv_backward(enter(), a);
  }
  void attend(const AttendArgs& a) override { cuda::attend(enter(), a); }
  void attend_backward(const AttendBackwardArgs& a) override { cuda::attend_backward(enter(), a); }
  void swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) override {
    cuda::swiglu(enter(), gate_up, rows, width, y);
  }
  void swiglu_backward(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) override {
    cuda::swiglu_backward(enter(), gate_up, dy, rows, width);
  }
  void log_prob(const LogProbArgs& a) override { cuda::log_prob(enter(), a); }
  void log_prob_backward(const LogProbBackwardArgs& a) override {
    cuda::log_prob_backward(enter(), a);
  }
  void sample(const SampleArgs& a) override { cuda::sample(enter(), a); }
  void next_rows(const NextRowsArgs& a) override { cuda::next_rows(enter(), a); }
  void squares(const SquaresArgs& a) override { cuda::squares(enter(), a); }
  void sum_lanes(const SumLanesArgs& a) override { cuda::sum_lanes(enter(), a); }
  void adamw(const AdamWArgs& a) override { cuda::adamw(enter(), a); }

  /// The card is a setting of the calling thread.
  cudaStream_t enter() {
    check(cudaSetDevice(index_), "choosing the card");
    return stream_;
  }

 private:
  void copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, kind, enter()), "a copy");
  }

  const int index_;
  cudaStream_t stream_ = nullptr;
  Matrices matrices_;
};

class Card final : public Device {
 public:
  explicit Card(int index) : index_(index) {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || index >= count)
      throw InputError("cuda: there is no card " + std::to_string(index) + "; this machine has " +
                       std::to_string(count));
    check(cudaSetDevice(index_), "choosing the card");
    check(cudaGetDeviceProperties(&properties_, index_), "asking for the card");
    if (properties_.major != 9)
      throw InputError(std::string("cuda: ") + properties_.name + ": the kernels are for Hopper " +
                       "cards (compute capability 9.0)");
  }
  DeviceInfo info() const override {
    size_t free_bytes = 0, total = 0;
    check(cudaSetDevice(index_), "choosing the card");
    check(cudaMemGetInfo(&free_bytes, &total), "asking for free memory");
    return {properties_.name, total, free_bytes,
            static_cast<uint32_t>(properties_.multiProcessorCount)};
  }
  void* allocate(size_t bytes, const std::string& what) override {
    check(cudaSetDevice(index_), "choosing the card");
    void* at = nullptr;
    if (cudaMalloc(&at, bytes == 0 ? 1 : bytes) == cudaSuccess) return at;
    cudaGetLastError();
    char text[96];
    std::snprintf(text, sizeof(text), ": %.2f GiB asked for, %.2f GiB free of %.2f",
                  static_cast<double>(bytes) / (1 << 30),
                  static_cast<double>(info().memory_free) / (1 << 30),
                  static_cast<double>(properties_.totalGlobalMem) / (1 << 30));
    const std::lock_guard lock(mutex_);
    throw Error("cuda: out of memory for " + what + text +
                (plan_.empty() ? plan_ : "; planned: " + plan_));
  }
  void release(void* at) noexcept override { cudaFree(at); }
  void* allocate_host(size_t bytes, const std::string& what) override {
    void* at = nullptr;
    check(cudaHostAlloc(&at, bytes == 0 ? 1 : bytes, cudaHostAllocDefault), what.c_str());
    return at;
  }
  void release_host(void* at) noexcept override { cudaFreeHost(at); }
  std::unique_ptr<DeviceStream> make_stream() override {
    check(cudaSetDevice(index_), "choosing the card");
    return std::make_unique<Stream>(index_, algorithms_, row_contract_);
  }
  void note_plan(std::string plan) override {
    const std::lock_guard lock(mutex_);
    plan_ = std::move(plan);
  }
  void take_any_products() override { row_contract_ = false; }
  bool keeps_row_contract() const override { return row_contract_; }
  CommunicatorId make_communicator_id() override { return Communicator::make_id(); }
  std::unique_ptr<DeviceCommunicator> join(const CommunicatorId& id, uint32_t rank, uint32_t size,
                                           std::chrono::milliseconds deadline) override {
    return std::make_unique<Communicator>(index_, id, rank, size, deadline);
  }

 private:
  const int index_;
  const std::shared_ptr<Algorithms> algorithms_ = std::make_shared<Algorithms>();
  cudaDeviceProp properties_;
  std::atomic<bool> row_contract_ = true;
  std::mutex mutex_;  // Guards the plan.
  std::string plan_;
};

}  // namespace

cudaStream_t native(DeviceStream& stream) {
  return static_cast<Stream&>(stream).enter();
}

}  // namespace thespis::gpu::cuda

/// By which gpu/device.cpp knows that it was built from the same headers.
extern "C" const char* const thespis_device_interface = THESPIS_DEVICE_INTERFACE;

/// What gpu/device.cpp looks for. Null where it fails: then `problem` says why.
extern "C" thespis::gpu::Device* thespis_open_device(uint32_t index, char* problem, size_t size) {
  try {
    return new thespis::gpu::cuda::Card(static_cast<int>(index));
  } catch (const std::exception& error) {
    std::snprintf(problem, size, "%s", error.what());
    return nullptr;
  }
}
