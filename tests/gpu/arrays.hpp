#pragma once
// Arrays and comparisons for the kernels' tests.

#include <cmath>
#include <cstring>
#include <vector>

#include "gpu/ops.hpp"
#include "runtime/env/random.hpp"

namespace thespis::test {

using Floats = std::vector<float>;

inline Floats normals(env::KeyedRandom& random, size_t count, double scale = 1.0) {
  Floats out(count);
  for (float& v : out) v = static_cast<float>(scale * random.normal());
  return out;
}

inline bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// Of |a - b|, relative to the larger of 1 and |b|.
inline double worst_difference(const Floats& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0.0 : INFINITY;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double d = std::abs(double{a[i]} - b[i]) / std::max(1.0, std::abs(b[i]));
    worst = d > worst || std::isnan(d) ? d : worst;
  }
  return worst;
}

inline std::vector<const gpu::Ops*> variants() {
  const gpu::OpsList list = gpu::cpu_variants();
  return {list.variants, list.variants + list.count};
}

}  // namespace thespis::test
