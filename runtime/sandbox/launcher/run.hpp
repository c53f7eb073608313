#pragma once
// One run from the keeper's side: pipes, the clone of the init, waiting under limits, the outcome.

#include <vector>

#include "runtime/env/clock.hpp"
#include "runtime/sandbox/descriptor.hpp"
#include "runtime/sandbox/launcher/box.hpp"
#include "runtime/sandbox/launcher/meter.hpp"

namespace thespis::sandbox {

/// What a program writes into one pipe, up to a limit; nothing of it stays in our memory.
class Capture {
 public:
  ~Capture() { release(); }
  /// False with errno set: no memory, no descriptors.
  bool open(uint64_t bytes_max);
  int read_end() const { return read_.get(); }
  int write_end() const { return write_.get(); }
  void close_write_end() { write_.reset(); }
  /// Reads what is there. False: the limit was passed.
  bool drain();
  bool at_end() const { return !read_; }
  std::string take();

 private:
  void release();
  Descriptor read_, write_;
  char* bytes_ = nullptr;
  uint64_t size_ = 0, bytes_max_ = 0;
};

class Runner {
 public:
  Runner(const KeeperSetup& setup, void (*zygote)(const Box&));
  /// `descriptors`: standard input, the executable for kExecutable, then what is inherited.
  /// `file`: the one that the request takes.
  RunReply run(const RunRequest& request, const std::vector<Descriptor>& descriptors,
               Descriptor& file);

 private:
  struct Running;
  bool start(Running& run, const std::vector<Descriptor>& descriptors);
  void wait(Running& run);
  /// False: there was none.
  bool read_report(Running& run, int flags);
  int next_timeout_ms(Running& run);
  void hear_host(Running& run);
  void conclude(Running& run);

  const KeeperSetup& setup_;
  void (*const zygote_)(const Box&);
  Meter meter_;
  env::RealClock clock_;
  char* init_stack_ = nullptr;
};

}  // namespace thespis::sandbox
