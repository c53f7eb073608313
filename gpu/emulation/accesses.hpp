#pragma once
// Which work of a card uses which memory, in the order of the calls; whatever order the work runs
// in, work on two streams that is not ordered is found.
//   AC-1  Work that writes what another stream's work uses, or uses what that writes, follows it:
//         through an event, a wait of the host, or as exchanges of one member follow each other.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gpu/device_ops.hpp"

namespace thespis::gpu::emulation {

/// Memory that one piece of work reads or writes.
struct Access {
  const char* at;
  size_t bytes;
  bool writes;
};

/// A list of them; what is null or empty is left out.
class Uses {
 public:
  /// Arrays, or rows of `width` that begin `stride` apart.
  template <class T>
  Uses& in(const T* at, size_t size) {
    return add(at, size * sizeof(T), false);
  }
  template <class T>
  Uses& in(const T* at, size_t rows, size_t width, size_t stride) {
    return in(at, rows == 0 ? 0 : (rows - 1) * stride + width);
  }
  template <class T>
  Uses& out(const T* at, size_t size) {
    return add(at, size * sizeof(T), true);
  }
  template <class T>
  Uses& out(const T* at, size_t rows, size_t width, size_t stride) {
    return out(at, rows == 0 ? 0 : (rows - 1) * stride + width);
  }
  Uses& add(const void* at, size_t bytes, bool writes) {
    if (at != nullptr && bytes > 0) list.push_back({static_cast<const char*>(at), bytes, writes});
    return *this;
  }
  std::vector<Access> list;
};

/// How many steps of each queue, by its number, a moment comes after.
using Clock = std::map<uint64_t, uint64_t>;
/// `into` comes after all that `from` comes after; true where that is new.
bool join(Clock& into, const Clock& from);

class Accesses {
 public:
  /// Step `index` of queue `queue`, which comes after `clock`. Error where AC-1 does not hold:
  /// names both pieces of work.
  void add(uint64_t queue, uint64_t index, const Clock& clock, const std::vector<Access>& uses,
           const std::string& what);
  /// Memory that is given back.
  void forget(const char* at, size_t bytes);

 private:
  struct Use {
    uint64_t queue, index;
    std::string what;
  };
  struct Span {
    const char* end;
    std::vector<Use> writer, readers;  // At most one writer; a reader for each queue.
  };
  using Spans = std::map<const char*, Span>;
  /// From here on spans begin at `at`, if there is one round it.
  void cut(const char* at);

  Spans spans_;  // Apart from each other.
};

}  // namespace thespis::gpu::emulation
