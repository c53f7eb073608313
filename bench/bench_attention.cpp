// Attention by tiles alone, forward and backward, in the shapes of published models. The backward
// counts as two and a half times the forward (Dao 2023). The results' checksum tells whether two
// builds give the same bits.

#include <cstdio>
#include <cstring>

#include "bench/device_models.hpp"
#include "gpu/device_sizes.hpp"
#include "runtime/base/error.hpp"

namespace {

using namespace thespis;
using namespace thespis::model;
using namespace thespis::model::bench;

uint64_t checksum(gpu::DeviceStream& stream, const DeviceArray<gpu::Bf16>& array) {
  std::vector<uint64_t> words(array.bytes() / sizeof(uint64_t));
  stream.download(words.data(), array.data(), words.size() * sizeof(uint64_t));
  stream.synchronize();
  uint64_t sum = 0;
  for (const uint64_t word : words) sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
  return sum;
}

void bench_shape(const std::shared_ptr<gpu::Device>& device, const gpu::AttendShape& shape,
                 uint32_t sequences, uint32_t length) {
  const auto stream = device->make_stream();
  const uint32_t rows = sequences * length;
  const auto qkv = random_numbers(device, *stream, size_t{rows} * shape.qkv_size());
  const auto dout = random_numbers(device, *stream, size_t{rows} * shape.q_size());
  const DeviceArray<gpu::Bf16> out(device, dout.size(), "attention"),
      dqkv(device, qkv.size(), "its gradient");
  const DeviceArray<float> lse(device, size_t{rows} * shape.heads, "sums of attention"),
      delta(device, lse.size(), "its backward");
  const DeviceArray<uint8_t> scratch(device, gpu::attend_scratch_bytes(shape, sequences, length),
                                     "pieces of attention");
  stream->zero(scratch.data(), scratch.bytes());
  std::vector<gpu::DeviceRun> runs;
  for (uint32_t i = 0; i < sequences; ++i) runs.push_back({i * length, length, 0, 0});
  const DeviceArray<gpu::DeviceRun> on_device(device, runs.size(), "sequences");
  stream->upload(on_device.data(), runs.data(), on_device.bytes());

  constexpr int kTimes = 20;
  const double forward = least_seconds(*stream, [&] {
    for (int i = 0; i < kTimes; ++i)
      stream->attend({shape,
                      qkv.data(),
                      on_device.data(),
                      sequences,
                      length,
                      length,
                      {},
                      out.data(),
                      lse.data(),
                      scratch.data()});
  });
  const double backward = least_seconds(*stream, [&] {
    for (int i = 0; i < kTimes; ++i)
      stream->attend_backward({shape, qkv.data(), on_device.data(), sequences, length, rows,
                               out.data(), lse.data(), dout.data(), dqkv.data(), delta.data()});
  });
  const double flops = kTimes * 2.0 * sequences * length * (length + 1.0) * shape.q_size();
  std::printf(
      "attention %2u heads of %3u over %u, %2u x %4u: forward %6.1f us %4.0f TFLOP/s, backward "
      "%6.1f us %4.0f TFLOP/s; bits %08lx %08lx\n",
      shape.heads, shape.head_dim, shape.kv_heads, sequences, length, 1e6 * forward / kTimes,
      flops / forward / 1e12, 1e6 * backward / kTimes, 2.5 * flops / backward / 1e12,
      static_cast<unsigned long>(checksum(*stream, out) >> 32),
      static_cast<unsigned long>(checksum(*stream, dqkv) >> 32));
  std::fflush(stdout);
}

}  // namespace

int main() {
  try {
    const auto device = gpu::open_device(0);
    std::printf("%s\n", device->info().name.c_str());
    bench_shape(device, {14, 2, 64}, 16, 1024);  // Qwen2.5 0.5B
    bench_shape(device, {14, 2, 64}, 25, 640);
    bench_shape(device, {12, 2, 128}, 8, 1024);  // 1.5B
    bench_shape(device, {28, 4, 128}, 2, 4096);  // 7B
    bench_shape(device, {32, 8, 128}, 2, 4096);  // Llama 3.1 8B
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_attention: %s\n", error.what());
    return 2;
  }
  return 0;
}
