#include "gpu/device.hpp"

#include <dlfcn.h>

#include <filesystem>
#include <string_view>

#include "runtime/base/error.hpp"

namespace thespis::gpu {
namespace {

constexpr const char* kLibrary = "libthespis_cuda.so";

/// Beside the program, or beside the folder it is in (tests and benchmarks have folders of their
/// own).
std::string library_path() {
  const auto folder = std::filesystem::canonical("/proc/self/exe").parent_path();
  for (const auto& at : {folder / kLibrary, folder.parent_path() / kLibrary})
    if (std::filesystem::exists(at)) return at;
  throw InputError("there is no " + (folder / kLibrary).string() +
                   ": this program was built without CUDA; install the CUDA toolkit (nvcc) and "
                   "build again, or use engine.device = \"cpu\"");
}

}  // namespace

std::shared_ptr<Device> open_device(uint32_t index) {
  const std::string path = library_path();
  // Never closed: what the runtime keeps outlives every device.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw InputError(path + ": " + dlerror());
  using Open = Device*(uint32_t, char*, size_t);
  auto* open = reinterpret_cast<Open*>(dlsym(library, "thespis_open_device"));
  const auto* interface =
      static_cast<const char* const*>(dlsym(library, "thespis_device_interface"));
  if (open == nullptr || interface == nullptr ||
      std::string_view(*interface) != THESPIS_DEVICE_INTERFACE)
    throw InputError(path + ": is of another build of the program");
  char problem[512] = "";
  std::shared_ptr<Device> device(open(index, problem, sizeof(problem)));
  if (device == nullptr) throw InputError(problem);
  return device;
}

}  // namespace thespis::gpu
