#include "actors/recorder/recorder_actor.hpp"

#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <utility>

#include "actors/base/failure.hpp"

namespace thespis {
namespace {

using nlohmann::ordered_json;

constexpr const char* kMetrics = "/metrics.jsonl";

telemetry::MetricsWriter open_metrics(const RecorderOptions& o) {
  const std::string path = o.directory + kMetrics;
  return o.steps_done == 0 ? telemetry::MetricsWriter(*o.files, path)
                           : telemetry::MetricsWriter::resume(*o.files, path, o.steps_done);
}

ordered_json json_of(const PoolStats& s) {
  return {{"waiting", s.waiting},
          {"bytes", s.waiting_bytes},
          {"running", s.running},
          {"workers", s.workers}};
}

}  // namespace

RecorderActor::RecorderActor(caf::actor_config& config, RecorderOptions options)
    : caf::event_based_actor(config),
      options_(std::move(options)),
      metrics_(open_metrics(options_)),
      samples_(options_.files->open_to_append(options_.directory + "/samples.txt")),
      started_(options_.clock->now()),
      last_step_(started_) {
  // A full disk ends the run: results that nobody can read are none.
  set_exception_handler(error_of);
}

caf::behavior RecorderActor::make_behavior() {
  for (const caf::actor& pool : {options_.samplers, options_.rewards, options_.references})
    if (pool) send(pool, alarm_atom::value, caf::actor_cast<caf::actor>(this));
  if (options_.steps_done > 0) recall();
  if (options_.steps_done == 0) options_.progress->activity("evaluating the base model");
  return {
      [this](const StepReport& report, const LedgerCounts& counts) { on_step(report, counts); },
      [this](const EvalReport& report) { on_evaluation(report); },
      [this](const Batch& batch) { show_samples(batch); },
      [this](dropped_atom, uint64_t group, const std::string& why) {
        options_.progress->note("group " + std::to_string(group) + " dropped: " + why);
      },
      [this](alarm_atom, const std::string& text) {
        ++alarms_;
        options_.progress->note("ALARM: " + text);
        if (options_.log) options_.log("ALARM: " + text);
      },
      [this](const LedgerCounts& counts) { counts_ = counts; },
      [this](const RunEnded& ended) { on_end(ended); },
  };
}

/// The figures of the steps before a resume, from the lines that they left.
void RecorderActor::recall() {
  const auto bytes =
      options_.files->read(options_.directory + kMetrics, telemetry::kMetricsBytesMax);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  for (std::string text; std::getline(lines, text);) {
    const auto line = nlohmann::json::parse(text);
    steps_ = line.value("step", steps_);
    age_max_ = std::max(age_max_, line.value("age_max", age_max_));
    mismatches_ += line.value("logprob_mismatches", uint64_t{0});
    compared_ += line.value("logprobs_compared", uint64_t{0});
    tokens_ += line.value("tokens", uint64_t{0});
    alarms_ = line.value("alarms", alarms_);
    wait_s_ += line.value("learner_wait_s", 0.0);
    busy_s_ += line.value("learner_busy_s", 0.0);
    last_length_ = line.value("response_length_mean", 0.0);
    if (first_length_ == 0) first_length_ = last_length_;
    earlier_s_ = line.value("wall_s", earlier_s_);
    if (line.value("held_out_version", UINT64_MAX) == 0) {
      EvalReport base;
      base.pass_at_1 = line["held_out_pass_at_1"];
      evaluations_.push_back(base);
    }
  }
}

void RecorderActor::ask_pools(std::vector<PoolStats> answered,
                              std::function<void(std::vector<PoolStats>)> then) {
  const caf::actor pools[] = {options_.samplers, options_.rewards, options_.references};
  if (answered.size() == std::size(pools)) return then(std::move(answered));
  const caf::actor& pool = pools[answered.size()];
  if (!pool) {
    answered.emplace_back();
    return ask_pools(std::move(answered), std::move(then));
  }
  // A local actor that answers at once; if it is gone the run is ending anyway.
  request(pool, caf::infinite, stats_atom::value)
      .then([this, answered = std::move(answered),
             then = std::move(then)](const PoolStats& stats) mutable {
        answered.push_back(stats);
        ask_pools(std::move(answered), std::move(then));
      });
}

void RecorderActor::on_step(const StepReport& report, const LedgerCounts& counts) {
  counts_ = counts;
  ask_pools({}, [this, report, counts](const std::vector<PoolStats>& pools) {
    write_step(report, counts, pools);
  });
}

void RecorderActor::write_step(const StepReport& r, const LedgerCounts& counts,
                               const std::vector<PoolStats>& pools) {
  const auto now = options_.clock->now();
  const double step_seconds = env::seconds(now - last_step_);
  last_step_ = now;
  const double share = r.busy_seconds / std::max(1e-9, r.busy_seconds + r.wait_seconds);
  ordered_json line{{"step", r.step}, {"policy_version", r.policy_version}, {"reward", r.reward}};
  for (const auto& [name, value] : r.components) line["reward_" + name] = value;
  line.update(ordered_json{{"kl", r.kl},
                           {"entropy", r.entropy},
                           {"clip_fraction", r.clip_fraction},
                           {"loss", r.loss},
                           {"grad_norm", r.grad_norm},
                           {"learning_rate", r.learning_rate},
                           {"response_length_mean", r.length_mean},
                           {"response_length_std", r.length_std},
                           {"response_length_max", r.length_max},
                           {"truncated", r.truncated},
                           {"age_mean", r.age_mean},
                           {"age_max", r.age_max},
                           {"tokens", r.tokens},
                           {"tokens_masked", r.tokens_masked},
                           {"zero_variance_groups", r.zero_variance_groups},
                           {"learner_busy_share", share},
                           {"learner_busy_s", r.busy_seconds},
                           {"learner_wait_s", r.wait_seconds},
                           {"starved_by", r.starved_by},
                           {"queue_sampler", json_of(pools[0])},
                           {"queue_reward", json_of(pools[1])},
                           {"queue_reference", json_of(pools[2])},
                           {"groups_ready", counts.ready},
                           {"groups_open", counts.open},
                           {"logprobs_compared", r.logprobs_compared},
                           {"logprob_mismatches", r.logprob_mismatches},
                           {"prompts_consumed", counts.consumed},
                           {"prompts_dropped", counts.dropped},
                           {"alarms", alarms_},
                           {"seconds", step_seconds},
                           {"wall_s", earlier_s_ + env::seconds(now - started_)}});
  std::optional<double> pass;
  if (!unwritten_.empty()) pass = unwritten_.back().pass_at_1;
  last_line_ = std::move(line);
  // The last line waits for the evaluation of the trained model, which belongs to it.
  if (r.step != options_.steps) flush_line();

  steps_ = r.step;
  age_max_ = std::max(age_max_, r.age_max);
  mismatches_ += r.logprob_mismatches;
  compared_ += r.logprobs_compared;
  tokens_ += r.tokens;
  wait_s_ += r.wait_seconds;
  busy_s_ += r.busy_seconds;
  if (first_length_ == 0) first_length_ = r.length_mean;
  last_length_ = r.length_mean;
  options_.progress->step({.step = r.step,
                           .steps = options_.steps,
                           .reward = r.reward,
                           .response_length = r.length_mean,
                           .tokens_per_s = static_cast<double>(r.tokens) / step_seconds,
                           .age_max = r.age_max,
                           .seconds = step_seconds,
                           .starved_by = r.starved_by,
                           .pass_at_1 = pass});
  if (r.logprob_mismatches > 0)
    options_.progress->note(
        "step " + std::to_string(r.step) + ": " + std::to_string(r.logprob_mismatches) + " of " +
        std::to_string(r.logprobs_compared) + " log-probs differ between sampler and learner");
  if (r.step == options_.steps) options_.progress->activity("evaluating the trained model");
}

void RecorderActor::flush_line() {
  if (last_line_.empty()) return;
  for (const EvalReport& e : std::exchange(unwritten_, {})) {
    last_line_["held_out_version"] = e.version;
    last_line_["held_out_pass_at_1"] = e.pass_at_1;
    last_line_["held_out_cons"] = e.cons;
    last_line_["held_out_samples"] = e.samples;
  }
  metrics_.write(std::exchange(last_line_, {}));
}

void RecorderActor::on_evaluation(const EvalReport& report) {
  evaluations_.push_back(report);
  unwritten_.push_back(report);
  options_.progress->evaluated(report.version, report.pass_at_1);
}

void RecorderActor::show_samples(const Batch& batch) {
  const auto group = batch.groups.front().read();
  std::string text;
  for (unsigned i = 0; i < std::min(options_.samples_a_step, group->getSamples().size()); ++i) {
    const auto sample = group->getSamples()[i];
    text += "=== step " + std::to_string(steps_ + 1) + ", group " + std::to_string(group->getId()) +
            ", sample " + std::to_string(i) + ", score " +
            std::to_string(sample.getScore()).substr(0, 5) + ", task " +
            std::string(group->getTask().cStr()) + "\n" + std::string(sample.getText().cStr()) +
            "\n\n";
  }
  samples_->append(std::as_bytes(std::span(text)));
}

void RecorderActor::on_end(const RunEnded& ended) {
  flush_line();
  ordered_json summary;
  if (!evaluations_.empty()) {
    const EvalReport& base = evaluations_.front();
    const EvalReport& last = evaluations_.back();
    if (base.version == 0) summary["base_pass_at_1"] = base.pass_at_1;
    if (last.version > 0) {
      summary["pass_at_1"] = last.pass_at_1;
      summary["cons_at_" + std::to_string(last.samples)] = last.cons;
      summary["format_share"] = last.format;
      summary["response_length_held_out"] = last.length_mean;
    }
  }
  summary.update(
      ordered_json{{"steps", steps_},
                   {"wall_s", earlier_s_ + env::seconds(options_.clock->now() - started_)},
                   {"prompts_admitted", counts_.admitted},
                   {"prompts_consumed", counts_.consumed},
                   {"prompts_filtered", counts_.filtered},
                   {"prompts_dropped", counts_.dropped},
                   {"alarms", alarms_},
                   {"learner_idle_share", wait_s_ / std::max(1e-9, wait_s_ + busy_s_)},
                   {"age_max", age_max_},
                   {"tokens", tokens_},
                   {"response_length_first", first_length_},
                   {"response_length_last", last_length_},
                   {"logprobs_compared", compared_},
                   {"logprob_mismatches", mismatches_},
                   {"error", ended.error}});
  options_.progress->finish();
  send(options_.ended, ended, summary.dump());
}

}  // namespace thespis
