#pragma once
// Runs programs that a model wrote and nobody trusts. Any number of jobs at once on the caller's
// thread: run() and compile() only start something, poll() calls back what ended.
//   SB-1  A callback comes exactly once for each job, from poll() only, in any order, whatever the
//         program or a worker process does; at the latest 0.5 s after the job's wall limit.
//   SB-2  When it comes, no process of that job is left.
//   SB-3  Nothing that a job can see tells of this host, of another job, or of what is expected.
// Not thread-safe: one thread owns it (a detached actor, or an event loop by descriptor()).

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/sandbox/job.hpp"
#include "runtime/sandbox/layer.hpp"

namespace thespis::sandbox {

struct Options {
  unsigned jobs_at_once = 0;  ///< 0: one for each processor.
  unsigned queue_jobs_max = 4096;
  /// Run even where layers are missing that keep a program in.
  bool allow_weaker = false;
  /// Precompiled headers are kept here between runs; empty: only in memory.
  std::filesystem::path cache;
  /// Trusted Python modules ("name.py") that every Python program can import; the zygote has them
  /// loaded.
  std::vector<File> python_modules;
  /// Layers to leave out: for tests that show what each is good for.
  Layers without;
};

class Sandbox {
 public:
  using RunDone = std::function<void(Outcome)>;
  using CompileDone = std::function<void(Compilation)>;

  /// Starts the launcher process and tries every layer. Throws InputError where one that keeps a
  /// program in is missing and allow_weaker is not set, Error where nothing can be started.
  explicit Sandbox(Options options = {});
  /// Kills what runs; callbacks that are due do not come any more.
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// Names the job for cancel(); 0: the queue is full, poll first. Throws InputError: no such
  /// language, or more than can be given to a program.
  [[nodiscard]] uint64_t run(Job job, RunDone done);
  /// Its callback comes soon, with kInfrastructure unless it had ended already.
  void cancel(uint64_t job);
  /// The same source and language gives the same Program without a second compilation, while
  /// somebody holds it or the cache of the last ones does. Throws InputError: no such language.
  [[nodiscard]] bool compile(std::string_view language, std::string source, CompileDone done);

  /// Readable when poll() has something to do.
  int descriptor() const;
  /// Calls back what has ended; waits up to `timeout_ms` for something (-1: for ever, 0: not).
  /// Returns how many callbacks it made.
  size_t poll(int timeout_ms);

  unsigned jobs_at_once() const;
  size_t pending() const;  ///< Jobs queued or running.
  /// What the self-test found.
  std::span<const LayerReport> layers() const;
  /// Programs of languages whose compiler or interpreter is here.
  bool can_run(std::string_view language) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thespis::sandbox
