#include "gpu/cuda/nccl.hpp"

#include <dlfcn.h>

#include <string>

#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr const char* kLibrary = "libnccl.so.2";

template <class F>
void find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (function == nullptr)
    throw InputError(std::string("cuda: ") + kLibrary + " has no " + name +
                     ": NCCL 2.19 or newer is needed");
}

Nccl load() {
  // Never closed: its threads outlive the last communicator.
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw InputError(std::string("cuda: several cards need NCCL, which is not installed: ") +
                     dlerror());
  Nccl n;
  find(library, "ncclGetUniqueId", n.get_unique_id);
  find(library, "ncclCommInitRankConfig", n.init_rank);
  find(library, "ncclCommGetAsyncError", n.async_error);
  find(library, "ncclCommAbort", n.abort);
  find(library, "ncclCommDestroy", n.destroy);
  find(library, "ncclGroupStart", n.group_start);
  find(library, "ncclGroupEnd", n.group_end);
  find(library, "ncclSend", n.send);
  find(library, "ncclRecv", n.receive);
  find(library, "ncclGetErrorString", n.error_string);
  find(library, "ncclGetLastError", n.last_error);
  return n;
}

}  // namespace

const Nccl& nccl() {
  static const Nccl loaded = load();
  return loaded;
}

}  // namespace thespis::gpu::cuda
