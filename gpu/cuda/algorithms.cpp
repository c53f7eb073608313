#include "gpu/cuda/algorithms.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "gpu/cuda/few_rows.hpp"
#include "gpu/device_sizes.hpp"

namespace thespis::gpu::cuda {
namespace {

using Algorithm = cublasLtMatmulAlgo_t;
using Call = Algorithms::Call;

constexpr int kCandidates = 24;
constexpr size_t kMeasuredMax = 96;   // Algorithms that are tried.
constexpr uint64_t kSmallRows = 512;  // Up to these, rows that differ by less than
constexpr uint64_t kRowBucket = 64;   // this share an algorithm; above, by an eighth.
constexpr uint64_t kAligned = 8;      // Elements of 16 bytes.
constexpr int kRounds = 5;
constexpr float kLongMs = 0.2f;    // Longer products are measured fewer times.
constexpr float kEarlyMs = 7e-4f;  // What it saves that few_rows() starts while others end.
constexpr size_t kScratchMax = size_t{6} << 30;

/// Rows up to which an algorithm that serves so many is taken.
uint64_t bucket_end(uint64_t rows) {
  const uint64_t step = rows <= kRowBucket   ? std::max<uint64_t>(std::bit_ceil(rows) / 2, 16)
                        : rows <= kSmallRows ? kRowBucket
                                             : std::bit_floor(rows) / 8;
  return (rows + step - 1) / step * step;
}

uint32_t alignment_of(const void* p) {
  return uint32_t{1} << std::min(std::countr_zero(reinterpret_cast<uintptr_t>(p)), 8);
}

uint32_t part(const Algorithm& algorithm, cublasLtMatmulAlgoConfigAttributes_t which) {
  uint32_t value = 0;
  size_t written = 0;
  lt::check(
      cublasLtMatmulAlgoConfigGetAttribute(&algorithm, which, &value, sizeof(value), &written),
      "reading an algorithm");
  return value;
}

/// True if the algorithm is tiled and serves the call without splitting K; it is changed not to.
bool keeps_whole_k(const Call& call, Algorithm& algorithm) {
  if (part(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID) == CUBLASLT_MATMUL_TILE_UNDEFINED) return false;
  if (part(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) > 1) {
    const uint32_t split = 1, scheme = CUBLASLT_REDUCTION_SCHEME_NONE;
    lt::check(cublasLtMatmulAlgoConfigSetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM,
                                                   &split, sizeof(split)),
              "an algorithm");
    lt::check(cublasLtMatmulAlgoConfigSetAttribute(
                  &algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme, sizeof(scheme)),
              "an algorithm");
  }
  cublasLtMatmulHeuristicResult_t result;
  return cublasLtMatmulAlgoCheck(call.handle, call.operation, call.a, call.b, call.out, call.out,
                                 &algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
         result.workspaceSize <= kWorkspaceBytes;
}

/// What cuBLASLt proposes for so many rows and bytes of workspace, best first.
std::vector<Algorithm> proposed(const Call& call, uint64_t rows, size_t workspace) {
  const Product& p = call.p;
  lt::Preference preference;
  lt::check(cublasLtMatmulPreferenceCreate(&preference), "a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, const auto& value) {
    lt::check(cublasLtMatmulPreferenceSetAttribute(preference, which, &value, sizeof(value)),
              "a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace);
  for (const auto which :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(which, call.alignment);
  lt::Layout b, out;
  lt::layout(b, CUDA_R_16BF, p.transpose_b, p.k, rows, p.b_stride);
  lt::layout(out, p.out_is_float ? CUDA_R_32F : CUDA_R_16BF, false, p.m, rows, p.out_stride);
  cublasLtMatmulHeuristicResult_t results[kCandidates];
  int count = 0;
  std::vector<Algorithm> found;
  if (cublasLtMatmulAlgoGetHeuristic(call.handle, call.operation, call.a, b, out, out, preference,
                                     kCandidates, results, &count) != CUBLAS_STATUS_SUCCESS)
    return found;
  for (int i = 0; i < count; ++i)
    if (results[i].state == CUBLAS_STATUS_SUCCESS) found.push_back(results[i].algo);
  return found;
}

/// All that may serve the call. Those for fewer rows, and those that need no workspace, are asked
/// for too: first choices for few rows split K.
std::vector<Algorithm> candidates(const Call& call) {
  std::vector<Algorithm> all;
  const auto take = [&](uint64_t rows, size_t workspace) {
    for (Algorithm a : proposed(call, rows, workspace)) {
      const auto same = [&](const Algorithm& b) { return !std::memcmp(&a, &b, sizeof(a)); };
      if (keeps_whole_k(call, a) && std::none_of(all.begin(), all.end(), same) &&
          all.size() < kMeasuredMax)
        all.push_back(a);
    }
  };
  const uint64_t full = bucket_end(call.p.n);
  for (const size_t workspace : {kWorkspaceBytes, size_t{0}}) take(full, workspace);
  for (uint64_t rows = 16; rows < std::min<uint64_t>(full, 1024); rows *= 2) take(rows, 0);
  return all;
}

class Scratch {
 public:
  explicit Scratch(size_t bytes) {
    if (bytes > kScratchMax || cudaMalloc(&at_, bytes) != cudaSuccess) at_ = nullptr;
    cudaGetLastError();
  }
  ~Scratch() { cudaFree(at_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  unsigned char* at() const { return static_cast<unsigned char*>(at_); }

 private:
  void* at_ = nullptr;
};

class Timer {
 public:
  explicit Timer(cudaStream_t stream) : stream_(stream) {
    check(cudaEventCreate(&begin_), "an event");
    check(cudaEventCreate(&end_), "an event");
  }
  ~Timer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  template <class Work>
  float milliseconds(const Work& work) {
    check(cudaEventRecord(begin_, stream_), "an event");
    work();
    check(cudaEventRecord(end_, stream_), "an event");
    check(cudaEventSynchronize(end_), "measuring a product");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin_, end_), "timing");
    return ms;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

/// Milliseconds, the workspace's bytes having passed through the cache before: in an engine's walk
/// weights come from memory. Nothing if the product does not run so.
std::optional<float> measure(const Call& call, const Choice& choice, void* to) {
  if (!call.run(choice, to)) return {};
  Timer timer(call.stream);
  float least = INFINITY;
  for (int i = 0; i < kRounds && !(i > 1 && least > kLongMs); ++i) {
    check(cudaMemsetAsync(call.workspace, 0, kWorkspaceBytes, call.stream), "clearing memory");
    least = std::min(least, timer.milliseconds([&] { call.run(choice, to); }));
  }
  return least;
}

/// True for a product that few_rows.hpp can do.
bool has_few_rows(const Product& p) {
  return p.n <= kFewRowsMax && p.transpose_a && !p.transpose_b && !p.out_is_float &&
         p.a_stride == p.k && p.b_stride == p.k && p.out_stride == p.m && p.k % kFewRowsStep == 0 &&
         p.m % kAligned == 0;
}

}  // namespace

Algorithms::Call::Call(const Product& product, cublasLtHandle_t lt_handle, cudaStream_t on,
                       void* scratch)
    : p(product), handle(lt_handle), stream(on), workspace(scratch) {
  lt::check(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  const auto transpose = [&](cublasLtMatmulDescAttributes_t which) {
    lt::check(cublasLtMatmulDescSetAttribute(operation, which, &transposed, sizeof(transposed)),
              "a product");
  };
  if (p.transpose_a) transpose(CUBLASLT_MATMUL_DESC_TRANSA);
  if (p.transpose_b) transpose(CUBLASLT_MATMUL_DESC_TRANSB);
  lt::layout(a, CUDA_R_16BF, p.transpose_a, p.m, p.k, p.a_stride);
  lt::layout(b, CUDA_R_16BF, p.transpose_b, p.k, p.n, p.b_stride);
  lt::layout(out, p.out_is_float ? CUDA_R_32F : CUDA_R_16BF, false, p.m, p.n, p.out_stride);
  const void* added = p.c == nullptr ? p.out : p.c;
  alignment = std::min({alignment_of(p.a), alignment_of(p.b), alignment_of(added),
                        alignment_of(p.out), alignment_of(p.gate_up), alignment_of(workspace)});
}

std::string Algorithms::Call::sizes() const {
  return std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k);
}

Algorithms::Key Algorithms::Call::key() const {
  return {p.transpose_a,
          p.transpose_b,
          p.m,
          p.whole_k ? bucket_end(p.n) : p.n,
          p.k,
          p.a_stride,
          p.b_stride,
          p.out_stride,
          p.c != nullptr,
          p.gate_up != nullptr,
          p.out_is_float,
          alignment};
}

bool Algorithms::Call::run(const Choice& choice, void* to) const {
  auto* const y = static_cast<Bf16*>(to);
  const bool gated = p.gate_up != nullptr;
  const uint64_t outputs = gated ? p.m / 2 : p.m;
  if (choice.few_rows_tile > 0) {
    few_rows(stream,
             {p.b, p.n, p.a, static_cast<uint32_t>(outputs), static_cast<uint32_t>(p.k), gated,
              static_cast<const Bf16*>(p.c), y},
             choice.few_rows_tile);
    return true;
  }
  void* const product = gated ? p.gate_up : to;
  const float alpha = 1, beta = p.c == nullptr ? 0.0f : 1.0f;
  if (cublasLtMatmul(handle, operation, &alpha, p.a, a, p.b, b, &beta,
                     p.c == nullptr ? product : p.c, out, product, out, &choice.algorithm,
                     workspace, kWorkspaceBytes, stream) != CUBLAS_STATUS_SUCCESS)
    return false;
  if (gated) swiglu(stream, p.gate_up, p.n, static_cast<uint32_t>(outputs), y);
  return true;
}

std::vector<Tried> try_all(const Call& call) {
  const Product& p = call.p;
  std::vector<Tried> tried;
  for (const Algorithm& a : candidates(call)) tried.push_back({{0, a}, INFINITY, true});
  if (has_few_rows(p))
    for (const uint32_t tile : kFewRowsTiles)
      if (tile < 2 * p.n || tile == kFewRowsTiles[0]) tried.push_back({{tile, {}}, INFINITY, true});
  const uint64_t width = p.gate_up != nullptr ? p.m / 2 : p.out_stride;
  const size_t element = p.out_is_float ? sizeof(float) : sizeof(Bf16);
  const size_t bytes = (p.n * width * element + 255) / 256 * 256;
  const Scratch scratch(2 * bytes + 256);
  if (scratch.at() == nullptr) return {};
  unsigned char *const first = scratch.at(), *const other = first + bytes;
  auto* const differ = reinterpret_cast<uint32_t*>(other + bytes);
  check(cudaMemsetAsync(first, 0, 2 * bytes, call.stream), "clearing memory");
  bool has_first = false;
  for (Tried& t : tried) {
    const auto ms = measure(call, t.choice, has_first ? other : first);
    if (!ms) continue;
    t.ms = *ms;
    if (std::exchange(has_first, true)) {
      uint32_t differs = 0;
      find_difference(call.stream, first, other, bytes, differ);
      check(cudaMemcpyAsync(&differs, differ, sizeof(differs), cudaMemcpyDeviceToHost, call.stream),
            "a copy");
      check(cudaStreamSynchronize(call.stream), "comparing products");
      t.same_bits = differs == 0;
    }
  }
  return tried;
}

Algorithms::Algorithms() = default;
Algorithms::~Algorithms() = default;

Choice Algorithms::of(const Call& call) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = chosen_.try_emplace(call.key());
  if (!is_new) return found->second;
  Choice& choice = found->second;
  const auto all = call.p.whole_k ? candidates(call) : proposed(call, call.p.n, kWorkspaceBytes);
  if (all.empty()) {
    chosen_.erase(found);
    throw Error("cuda: no algorithm for a product of " + call.sizes() +
                (call.p.whole_k ? " that does not split its sums" : ""));
  }
  choice.algorithm = all.front();
  if (!call.p.whole_k) return choice;
  float least = INFINITY;
  for (const Tried& t : try_all(call)) {
    const float ms = t.choice.few_rows_tile > 0 ? t.ms - kEarlyMs : t.ms;
    if (!t.same_bits || ms >= least) continue;
    least = ms;
    choice = t.choice;
  }
  return choice;
}

}  // namespace thespis::gpu::cuda
