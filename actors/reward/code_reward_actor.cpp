#include "actors/reward/code_reward_actor.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "actors/base/job_key.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/clock.hpp"
#include "tasks/code/escape.hpp"
#include "tasks/format_verifier.hpp"

namespace thespis {
namespace {

using alive_atom = caf::atom_constant<caf::atom("alive")>;
using canary_atom = caf::atom_constant<caf::atom("canary")>;
using judged_atom = caf::atom_constant<caf::atom("judged")>;
using pulse_atom = caf::atom_constant<caf::atom("pulse")>;

constexpr size_t kTasksKept = 64;
constexpr std::chrono::milliseconds kPulse{250};

}  // namespace
}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::tasks::CodeReport)

namespace thespis {

CodeRewardActor::CodeRewardActor(caf::actor_config& config, CodeRewardOptions options,
                                 std::shared_ptr<CodeJudge> judge)
    : caf::event_based_actor(config), options_(std::move(options)), judge_(std::move(judge)) {}

caf::behavior CodeRewardActor::make_behavior() {
  if (options_.canary_interval.count() > 0) release_canaries();
  feel_pulse();
  return {
      [this](const wire::Message<wire::Judge>& job) { return judge(job); },
      [this](const wire::Message<wire::Cancel>& what) { cancel(what); },
      [this](judged_atom, uint64_t id, const tasks::CodeReport& report) { on_report(id, report); },
      [this](canary_atom, uint64_t canary, const tasks::CodeReport& report) {
        on_canary(canary, report);
      },
      [this](tick_atom) { release_canaries(); },
      [this](alive_atom) { is_alive_ = true; },
      [this](pulse_atom) { feel_pulse(); },
  };
}

void CodeRewardActor::cancel(const wire::Message<wire::Cancel>& cancel) {
  std::erase_if(pending_, [&](const auto& entry) {
    if (key_of(entry.second.job) != key_of(cancel)) return false;
    judge_->stop(entry.second.judgement);
    return true;
  });
}

void CodeRewardActor::feel_pulse() {
  silent_ = is_alive_ ? 0 : silent_ + 1;
  if (env::seconds(kPulse) * silent_ > options_.rules.wall_s)
    return end(fmt::format("its judge has not stirred for {} s", env::seconds(kPulse) * silent_));
  if (std::exchange(is_alive_, false))
    judge_->ask(
        [self = caf::actor_cast<caf::actor>(this)] { caf::anon_send(self, alive_atom::value); });
  delayed_send(this, kPulse, pulse_atom::value);
}

std::shared_ptr<const tasks::CodeTask> CodeRewardActor::task_of(const std::string& row) {
  const auto found = tasks_.find(row);
  if (found != tasks_.end()) return found->second;
  const auto json = nlohmann::json::parse(row, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw InputError("the row is not a JSON object");
  auto task = std::make_shared<const tasks::CodeTask>(tasks::code_task_of(json));
  if (tasks_.size() >= kTasksKept) tasks_.clear();
  return tasks_.emplace(row, std::move(task)).first->second;
}

caf::result<wire::Message<wire::Verdict>> CodeRewardActor::judge(
    const wire::Message<wire::Judge>& job) {
  const auto view = job.read();
  std::shared_ptr<const tasks::CodeTask> task;
  try {
    task = task_of(view->getTask());
  } catch (const Error& error) {
    return caf::make_error(caf::sec::runtime_error, std::string("not judged: ") + error.what());
  }
  const uint64_t id = next_id_++;
  auto promise = make_response_promise();
  const CodeJudge::Id judgement = judge_->judge_completion(
      std::move(task), view->getCompletion(), options_.rules,
      [self = caf::actor_cast<caf::actor>(this), id](tasks::CodeReport report) {
        caf::anon_send(self, judged_atom::value, id, std::move(report));
      });
  pending_.emplace(id, Pending{promise, job, judgement});
  return promise;
}

void CodeRewardActor::on_report(uint64_t id, const tasks::CodeReport& report) {
  const auto it = pending_.find(id);
  if (it == pending_.end()) return;  // Cancelled.
  Pending pending = std::move(it->second);
  pending_.erase(it);
  if (report.verdict == tasks::CodeVerdict::kInfrastructure)
    return pending.promise.deliver(caf::make_error(
        caf::sec::runtime_error,
        "not judged, the sandbox failed: " + tasks::escaped(report.detail, 300, false)));
  const auto job = pending.job.read();
  const std::string completion = job->getCompletion();
  const double format = tasks::has_r1_zero_format(completion) ? 1 : 0;
  const double score = options_.accuracy_weight * report.credit + options_.format_weight * format;
  const std::string word(tasks::name(report.verdict));
  pending.promise.deliver(wire::Message<wire::Verdict>::build([&](wire::Verdict::Builder v) {
    v.setJob(job->getJob());
    v.setOutcome(wire::Verdict::Outcome::SCORED);
    v.setScore(static_cast<float>(score));
    v.setAnswer(tasks::escaped(tasks::behaviour_of(report), 500, false));
    v.setDetail(report.detail.empty() ? word
                                      : word + ": " + tasks::escaped(report.detail, 500, false));
    auto components = v.initComponents(2);
    components[0].setName("accuracy");
    components[0].setValue(static_cast<float>(report.credit));
    components[1].setName("format");
    components[1].setValue(static_cast<float>(format));
  }));
}

void CodeRewardActor::release_canaries() {
  if (canaries_out_ > 0) return end("canaries were not judged within their interval");
  canaries_out_ = options_.canaries->size();
  for (size_t i = 0; i < options_.canaries->size(); ++i) {
    const tasks::Canary& canary = (*options_.canaries)[i];
    judge_->judge_program(canary.task, canary.program, options_.rules,
                          [self = caf::actor_cast<caf::actor>(this), i](tasks::CodeReport report) {
                            caf::anon_send(self, canary_atom::value, uint64_t{i},
                                           std::move(report));
                          });
  }
  delayed_send(this, options_.canary_interval, tick_atom::value);
}

void CodeRewardActor::on_canary(size_t canary, const tasks::CodeReport& report) {
  --canaries_out_;
  const tasks::Canary& known = (*options_.canaries)[canary];
  if (known.is_right(report.verdict)) return;
  end("canary '" + known.name + "' was judged " + std::string(tasks::name(report.verdict)) + ": " +
      tasks::escaped(report.detail, 300, false));
}

void CodeRewardActor::end(const std::string& why) {
  quit(caf::make_error(caf::sec::runtime_error, "worker taken out: " + why));
}

}  // namespace thespis
