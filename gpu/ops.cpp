// Which variants of the CPU table this machine runs.

#include "gpu/ops.hpp"

namespace thespis::gpu {

#if defined(THESPIS_X86_VARIANTS)
namespace x86_64_v4 {
extern const Ops kTable;
}
namespace x86_64_v3 {
extern const Ops kTable;
}
#endif
namespace plain {
extern const Ops kTable;
}

OpsList cpu_variants() {
  OpsList list{};
#if defined(THESPIS_X86_VARIANTS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("bmi2"))
    list.variants[list.count++] = &x86_64_v4::kTable;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    list.variants[list.count++] = &x86_64_v3::kTable;
#endif
  list.variants[list.count++] = &plain::kTable;
  return list;
}

const Ops& cpu_ops() {
  static const Ops& fastest = *cpu_variants().variants[0];
  return fastest;
}

}  // namespace thespis::gpu
