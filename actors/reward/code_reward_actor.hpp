#pragma once
// Judges completions that are programs by running them. Works on as many as its credit allows and
// never waits: the sandbox's thread tells it what ended.
//   CR-1  Only what the program itself did is a score. What could not be judged is an error to the
//         pool, which tries it elsewhere (VERDICT).
//   CR-2  It judges programs of known verdict at its start and every canary interval. One wrong
//         verdict, or none within the interval, ends it, with the canary's name as the reason: the
//         pool takes its jobs to other workers and passes the alarm on.
//   CR-3  A judge whose thread does nothing for as long as one run may take is taken for wedged,
//         at most 0.5 s after that, and ends the worker in the same way.

#include <map>
#include <memory>
#include <string>

#include "actors/base/messages.hpp"
#include "actors/reward/code_judge.hpp"
#include "tasks/code/canary.hpp"

namespace thespis {

struct CodeRewardOptions {
  tasks::GradeRules rules;
  double accuracy_weight = 1;
  double format_weight = 0;
  std::chrono::milliseconds canary_interval{60'000};  ///< 0: no canaries.
  const std::vector<tasks::Canary>* canaries = &tasks::canaries();
};

class CodeRewardActor : public caf::event_based_actor {
 public:
  CodeRewardActor(caf::actor_config& config, CodeRewardOptions options,
                  std::shared_ptr<CodeJudge> judge);
  const char* name() const override { return "code reward"; }
  void on_exit() override {
    judge_.reset();
    pending_.clear();  // Promises refer back to their actor: with them it would never be freed.
  }

 protected:
  caf::behavior make_behavior() override;

 private:
  struct Pending {
    caf::response_promise promise;
    wire::Message<wire::Judge> job;
    CodeJudge::Id judgement = 0;
  };
  caf::result<wire::Message<wire::Verdict>> judge(const wire::Message<wire::Judge>& job);
  std::shared_ptr<const tasks::CodeTask> task_of(const std::string& row);
  void on_report(uint64_t id, const tasks::CodeReport& report);
  void cancel(const wire::Message<wire::Cancel>& cancel);
  void feel_pulse();
  void release_canaries();
  void on_canary(size_t canary, const tasks::CodeReport& report);
  void end(const std::string& why);

  CodeRewardOptions options_;
  std::shared_ptr<CodeJudge> judge_;
  std::map<uint64_t, Pending> pending_;  // Bounded by the worker's credit.
  uint64_t next_id_ = 1;
  // Tasks read last: a group's samples share one.
  std::map<std::string, std::shared_ptr<const tasks::CodeTask>> tasks_;
  size_t canaries_out_ = 0;  // Of this round, not judged yet.
  bool is_alive_ = true;     // The judge's thread has answered.
  uint32_t silent_ = 0;      // Pulses for which it has not.
};

}  // namespace thespis
