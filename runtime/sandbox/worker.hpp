#pragma once
// One keeper as the host sees it: a connection on which one job at a time is asked for.

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>

#include "runtime/sandbox/channel.hpp"
#include "runtime/sandbox/protocol.hpp"

namespace thespis::sandbox {

/// Takes frames apart as their bytes arrive.
class FrameReader {
 public:
  /// `body_bytes_max`: what a frame may have at most; a longer one is an error.
  explicit FrameReader(uint32_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  struct Frame {
    FrameKind kind = FrameKind::kReply;
    std::string body;
  };
  /// Where the next bytes belong; never empty.
  std::span<char> space();
  /// `bytes` arrived there. False: this is no frame of ours.
  bool filled(size_t bytes);
  /// A frame that is whole.
  std::optional<Frame> take();

 private:
  uint32_t body_bytes_max_;
  FrameHeader header_;
  std::string body_;
  size_t have_ = 0;  ///< Of header and body together.
};

class Worker {
 public:
  Worker(Descriptor socket, pid_t process);

  int socket() const { return socket_.get(); }
  /// True where it would go on if a processor had time for it: busy, or stopped it is not.
  bool waits_for_processor() const;
  /// False: the keeper is gone or does not take it.
  bool ask(const RunRequest& request, std::span<const int> descriptors);
  bool send(FrameKind kind);

  enum class Heard { kNothing, kReply, kPong, kGone };
  /// What has arrived, without waiting. After kReply, `reply` and `file` are set.
  Heard hear(RunReply& reply, Descriptor& file);

 private:
  Descriptor socket_;
  pid_t process_;
  FrameReader reader_;
  Descriptor file_;
};

}  // namespace thespis::sandbox
