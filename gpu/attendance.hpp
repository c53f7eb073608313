#pragma once
// How far each member of a communicator has come, so that a wait in vain ends soon and says who is
// missing. Its members are threads of one process and share it.
//   AT-1  Thread-safe. A member's calls are its own, in its order.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace thespis::gpu {

class Attendance {
 public:
  explicit Attendance(uint32_t members) : members_(members) {}
  uint32_t size() const { return static_cast<uint32_t>(members_.size()); }

  void joins(uint32_t member);
  bool all_joined() const;
  /// `member` makes its next call, which is about `what`.
  void comes(uint32_t member, const std::string& what);
  /// `member` makes no further call.
  void leaves(uint32_t member);
  /// Nor does it end the last one: `why`.
  void gives_up(uint32_t member, const std::string& why);
  bool has_given_up(uint32_t member) const;

  /// Why `member` waits in vain, and for whom first.
  struct Absence {
    uint32_t member = 0;
    std::string why;
  };
  /// Of those that have made fewer calls than `member`, or never joined: where each was last.
  /// "member 1 is missing: it was last at the weights of step 6". Where there are none: that all
  /// have come, and `member` itself.
  Absence missing(uint32_t member) const;
  /// Where the latest call of `member` cannot end any more, since another left or gave up before.
  std::optional<Absence> lost(uint32_t member) const;

 private:
  struct Member {
    bool joined = false, left = false;
    uint64_t calls = 0;
    std::string last;     // Call.
    std::string failure;  // Not empty: it gave up.
  };
  mutable std::mutex mutex_;
  std::vector<Member> members_;
};

}  // namespace thespis::gpu
