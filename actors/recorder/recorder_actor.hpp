#pragma once
// Writes down what people and programs read of a run: a line of metrics.jsonl a step, readable
// sample rollouts, the progress display, summary.json at the end. Tells whoever waits that the run
// is over.

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "actors/base/messages.hpp"
#include "actors/conductor/conductor_actor.hpp"
#include "runtime/env/file_system.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/progress.hpp"

namespace thespis {

struct RecorderOptions {
  std::string directory;
  env::FileSystem* files = nullptr;
  const env::Clock* clock = nullptr;
  telemetry::Progress* progress = nullptr;
  uint64_t steps = 0;
  uint64_t steps_done = 0;                      ///< > 0: metrics.jsonl goes on behind that step.
  caf::actor samplers, rewards, references;     ///< Pools, for their queue depths.
  caf::actor ended;                             ///< Gets RunEnded.
  std::function<void(const std::string&)> log;  ///< Of alarms; none: only shown.
  uint32_t samples_a_step = 2;  ///< Rollouts of the first group that samples.txt shows.
};

class RecorderActor : public caf::event_based_actor {
 public:
  RecorderActor(caf::actor_config& config, RecorderOptions options);
  const char* name() const override { return "recorder"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  void recall();
  void on_step(const StepReport& report, const LedgerCounts& counts);
  void write_step(const StepReport& report, const LedgerCounts& counts,
                  const std::vector<PoolStats>& pools);
  void flush_line();
  void on_evaluation(const EvalReport& report);
  void show_samples(const Batch& batch);
  void on_end(const RunEnded& ended);
  void ask_pools(std::vector<PoolStats> answered, std::function<void(std::vector<PoolStats>)> then);

  RecorderOptions options_;
  telemetry::MetricsWriter metrics_;
  std::unique_ptr<env::File> samples_;
  env::Nanoseconds started_, last_step_;
  double earlier_s_ = 0;  // Wall time of the run before it was resumed.
  LedgerCounts counts_;
  // Of the whole run, for the summary.
  uint64_t steps_ = 0, age_max_ = 0, mismatches_ = 0, compared_ = 0, tokens_ = 0;
  uint64_t alarms_ = 0;
  double wait_s_ = 0, busy_s_ = 0;
  double first_length_ = 0, last_length_ = 0;
  std::vector<EvalReport> evaluations_;
  std::vector<EvalReport> unwritten_;  // Since the last line of metrics.
  nlohmann::ordered_json last_line_;   // Not yet written.
};

}  // namespace thespis
