#pragma once
// All keepers of a sandbox and the jobs on them: a queue, lanes that work it off, deadlines.
//   WK-1  A job's callback comes once, from poll(), whatever dies: a keeper, all of them, the
//         launcher. What died is started anew for the next job.
//   WK-2  A keeper that says nothing 0.25 s after its job's wall limit is asked; if it says nothing
//         for as long again, and not because it waits for a processor, it is killed and the job
//         ends as kInfrastructure.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/env/clock.hpp"
#include "runtime/sandbox/launcher_process.hpp"
#include "runtime/sandbox/worker.hpp"

namespace thespis::sandbox {

/// A request with what goes with it.
struct Work {
  RunRequest request;
  std::vector<std::shared_ptr<const Descriptor>> descriptors;
};
/// The reply, and the file that was taken.
using WorkDone = std::function<void(RunReply, Descriptor)>;

/// A file of the prepared root.
struct Installed {
  std::string path;
  Descriptor file;
};

class Workers {
 public:
  /// `clock` outlives this.
  Workers(unsigned lanes, Layers without, const env::Clock& clock);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  uint64_t submit(Work work, WorkDone done);
  void cancel(uint64_t id);
  size_t pending() const { return queue_.size() + running_.size() + ended_.size(); }
  /// Runs `task` from the next poll().
  void defer(std::function<void()> task);

  int descriptor() const { return epoll_.get(); }
  size_t poll(int timeout_ms);
  /// When poll() has something to do even if nothing arrives; none: nothing runs.
  std::optional<env::Nanoseconds> next_deadline() const;

  /// Makes a file readable for all jobs from now on, also after a new start of the launcher.
  /// Returns what failed, or nothing.
  std::string install(const std::string& path, Descriptor file);
  /// What the launcher could set up.
  const std::vector<LayerReport>& setup() const { return setup_; }
  unsigned lanes() const { return static_cast<unsigned>(lanes_.size()); }
  /// Of all keepers that run now, for tests that stop or kill them.
  pid_t launcher_pid() const { return launcher_ ? launcher_->pid() : -1; }

 private:
  struct Job {
    uint64_t id = 0;
    Work work;
    WorkDone done;
  };
  struct Running {
    Job job;
    size_t lane = 0;
    bool zygote = false;
    env::Nanoseconds deadline{};
    env::Nanoseconds give_up{};  ///< Of the pongs that put the deadline off.
    bool asked = false;
    bool cancelled = false;
  };
  struct Lane {
    std::unique_ptr<Worker> plain, zygote;
    uint64_t job = 0;  ///< 0: free.
  };

  void start_launcher();
  void start_jobs();
  /// Returns what failed, or nothing.
  std::string start_on(size_t lane, Job& job);
  std::string ensure_worker(size_t lane, bool zygote);
  std::unique_ptr<Worker>& worker_of(size_t lane, bool zygote);
  void drop_worker(size_t lane, bool zygote);
  void hear(size_t lane, bool zygote);
  void check_deadlines();
  void end(uint64_t id, RunReply reply, Descriptor file);
  void fail(Job job, const std::string& why);
  void arm_timer();

  Layers without_;
  std::optional<LauncherProcess> launcher_;
  bool zygote_started_ = false;
  std::vector<LayerReport> setup_;
  std::vector<Installed> installed_;
  std::vector<Lane> lanes_;
  std::deque<Job> queue_;
  std::map<uint64_t, Running> running_;
  std::deque<std::function<void()>> ended_;
  uint64_t next_id_ = 1;
  const env::Clock& clock_;
  Descriptor epoll_, timer_;
};

}  // namespace thespis::sandbox
