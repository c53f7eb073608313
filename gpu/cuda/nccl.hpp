#pragma once
// NCCL by dlopen: only who trains on several cards needs it.

#include <nccl.h>

namespace thespis::gpu::cuda {

struct Nccl {
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRankConfig) init_rank;
  decltype(&ncclCommGetAsyncError) async_error;
  decltype(&ncclCommAbort) abort;
  decltype(&ncclCommDestroy) destroy;
  decltype(&ncclGroupStart) group_start;
  decltype(&ncclGroupEnd) group_end;
  decltype(&ncclSend) send;
  decltype(&ncclRecv) receive;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclGetLastError) last_error;
};

/// Loads it once. InputError where it is not installed: what is lacking.
const Nccl& nccl();

}  // namespace thespis::gpu::cuda
