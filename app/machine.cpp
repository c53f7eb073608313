#include "app/machine.hpp"

#include <dlfcn.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <ucp/api/ucp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gpu/ops.hpp"

namespace thespis::app {
namespace {

std::string reason(int error_number) {
  return std::generic_category().message(error_number);
}

std::string gibibytes(double bytes) {
  return fmt::format("{:.1f} GiB", bytes / (1 << 30));
}

/// The value behind "name : value" or "name: value" in a file of /proc, "" where there is none.
std::string proc_value(const char* path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == line.npos || !line.starts_with(name)) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == line.npos ? "" : line.substr(begin);
  }
  return "";
}

double meminfo_bytes(const std::string& name) {
  const std::string text = proc_value("/proc/meminfo", name);
  return std::strtod(text.c_str(), nullptr) * 1024;  // In kB there.
}

/// Cores that this process may run on, which containers and taskset restrict.
int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::string vector_features() {
  std::vector<std::string> features;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) features.push_back("AVX2");
  if (__builtin_cpu_supports("fma")) features.push_back("FMA");
  if (__builtin_cpu_supports("avx512f")) features.push_back("AVX-512F");
  if (__builtin_cpu_supports("avx512bw")) features.push_back("AVX-512BW");
  if (__builtin_cpu_supports("avx512bf16")) features.push_back("AVX-512BF16");
#endif
  return features.empty() ? "no vector extensions that are asked for"
                          : fmt::format("{}", fmt::join(features, " "));
}

struct LibraryCloser {
  void operator()(void* handle) const { ::dlclose(handle); }
};
using Library = std::unique_ptr<void, LibraryCloser>;

/// A function of the CUDA driver: all take at most three arguments here and return 0 for success.
template <class... Args>
bool call(const Library& library, const char* name, Args... args) {
  const auto function = reinterpret_cast<int (*)(Args...)>(::dlsym(library.get(), name));
  return function != nullptr && function(args...) == 0;
}

struct ContextCloser {
  void operator()(ucp_context_h context) const { ucp_cleanup(context); }
};
using UcxContext = std::unique_ptr<std::remove_pointer_t<ucp_context_h>, ContextCloser>;

/// What ucp_context_print_info says: "resource 1 : md 1 dev 1 flags -- tcp/lo" for each pair.
std::map<std::string, std::set<std::string>> ucx_transports(const UcxContext& context) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  if (stream == nullptr) return {};
  ucp_context_print_info(context.get(), stream);
  std::fclose(stream);
  std::istringstream lines(std::string(text, size));
  std::free(text);
  std::map<std::string, std::set<std::string>> devices;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.rfind(' '), slash = line.rfind('/');
    if (line.find("resource") == line.npos || slash == line.npos || slash < begin) continue;
    devices[line.substr(begin + 1, slash - begin - 1)].insert(line.substr(slash + 1));
  }
  return devices;
}

}  // namespace

Finding find_processor() {
  const std::string model = proc_value("/proc/cpuinfo", "model name");
  const int cores = usable_cores();
  return {"processor",
          fmt::format("{}, {} of {} cores usable, {}", model.empty() ? "unknown" : model, cores,
                      ::sysconf(_SC_NPROCESSORS_ONLN), vector_features()),
          fmt::format("CPU engine on, with its {} kernels; engine.threads = 0 means {}",
                      gpu::cpu_ops().name, cores)};
}

Finding find_memory() {
  return {"memory",
          fmt::format("{}, {} available", gibibytes(meminfo_bytes("MemTotal")),
                      gibibytes(meminfo_bytes("MemAvailable"))),
          "holds weights, moments and gradients (4 bytes a parameter each) and caches of keys and "
          "values"};
}

Finding find_shared_memory() {
  constexpr double kUsefulBytes = 64 << 20;  // What a container gets by default: too little.
  struct statvfs status {};
  if (::statvfs("/dev/shm", &status) != 0)
    return {"/dev/shm", reason(errno), "weights travel by the network, also within this host"};
  const double free_bytes =
      static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize);
  return {"/dev/shm", gibibytes(free_bytes) + " free",
          free_bytes > kUsefulBytes ? "weights travel by shared memory within this host"
                                    : "too little for large models: give containers --shm-size"};
}

Finding find_cuda_driver() {
  const Library library(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL));
  if (library == nullptr) return {"CUDA driver", "none (libcuda.so.1)", "GPUs off"};
  int version = 0, count = 0;
  if (!call(library, "cuInit", 0u) || !call(library, "cuDriverGetVersion", &version) ||
      !call(library, "cuDeviceGetCount", &count) || count == 0)
    return {"CUDA driver", "there, but it finds no GPU", "GPUs off"};
  std::array<char, 256> name{};
  call(library, "cuDeviceGetName", name.data(), static_cast<int>(name.size()) - 1, 0);
  return {"CUDA driver",
          fmt::format("for CUDA {}.{}, {} x {}", version / 1000, version % 1000 / 10, count,
                      name.data()),
          "GPUs off: this program computes on the CPU"};
}

Finding find_cuda_toolkit() {
  const char* home = std::getenv("CUDA_HOME");
  const std::string compiler =
      std::string(home == nullptr ? "/usr/local/cuda" : home) + "/bin/nvcc";
  if (::access(compiler.c_str(), X_OK) != 0)
    return {"CUDA toolkit", "none (" + compiler + ")", "no CUDA code can be built"};
  return {"CUDA toolkit", compiler, "CUDA code can be built"};
}

std::vector<Finding> find_ucx() {
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_RMA;
  ucp_context_h raw = nullptr;
  const ucs_status_t status = ucp_init(&params, nullptr, &raw);
  const std::string version = ucp_get_version_string();
  if (status != UCS_OK)
    return {{"UCX", fmt::format("{}, which does not start: {}", version, ucs_status_string(status)),
             "only one process: --processes and node are off"}};
  const UcxContext context(raw);
  const auto transports = ucx_transports(context);
  std::vector<std::string> shown;
  for (const auto& [name, devices] : transports)
    if (name != "self") shown.push_back(fmt::format("{} ({})", name, fmt::join(devices, ", ")));
  const bool shared = transports.contains("posix") || transports.contains("sysv");
  const bool rdma = std::any_of(transports.begin(), transports.end(), [](const auto& transport) {
    return transport.first.starts_with("rc_") || transport.first.starts_with("dc_");
  });
  return {{"UCX", version + ", " + fmt::format("{}", fmt::join(shown, ", ")),
           fmt::format("within this host {}; between hosts {}", shared ? "shared memory" : "tcp",
                       rdma ? "RDMA" : "tcp")}};
}

}  // namespace thespis::app
