#include "actors/reward/reward_actor.hpp"

#include <chrono>
#include <cmath>

#include "runtime/base/error.hpp"
#include "runtime/env/fault.hpp"
#include "runtime/env/random.hpp"

namespace thespis {

double reward_delay_s(double mean_s, double sigma, uint64_t seed, uint64_t group, uint32_t sample) {
  if (mean_s <= 0) return 0;
  constexpr uint64_t kSamplesMax = 4096;  // Keeps the streams of two groups apart.
  env::KeyedRandom random(seed, env::Purpose::kSimulation, group * kSamplesMax + sample);
  // exp(mu + sigma z) has the mean exp(mu + sigma^2 / 2).
  return std::exp(std::log(mean_s) - sigma * sigma / 2 + sigma * random.normal());
}

RewardActor::RewardActor(caf::actor_config& config, RewardOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior RewardActor::make_behavior() {
  return {
      [this](const wire::Message<wire::Judge>& job) { return judge(job); },
      [](const wire::Message<wire::Cancel>&) {},  // Rules take microseconds: nothing to stop.
      [this](tick_atom, uint64_t id) {
        const auto it = delayed_.find(id);
        it->second.first.deliver(std::move(it->second.second));
        delayed_.erase(it);
      },
  };
}

caf::result<wire::Message<wire::Verdict>> RewardActor::judge(
    const wire::Message<wire::Judge>& job) {
  const auto view = job.read();
  Judgement judgement;
  try {
    if (THESPIS_FAULT(reward_rule_throws)) throw Error("a fault was asked for");
    judgement = options_.rule(*view);
  } catch (const Error& error) {
    return caf::make_error(caf::sec::runtime_error, std::string("not judged: ") + error.what());
  }
  const auto verdict = wire::Message<wire::Verdict>::build([&](wire::Verdict::Builder v) {
    v.setJob(view->getJob());
    v.setOutcome(wire::Verdict::Outcome::SCORED);
    v.setScore(judgement.score);
    v.setAnswer(judgement.answer);
    v.setDetail(judgement.detail);
    auto list = v.initComponents(static_cast<unsigned>(judgement.components.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setName(judgement.components[i].first);
      list[i].setValue(judgement.components[i].second);
    }
  });
  const double delay_s = options_.delay_s ? options_.delay_s(key_of(job)) : 0;
  if (delay_s <= 0) return verdict;
  auto promise = make_response_promise();
  delayed_.emplace(next_id_, std::pair{promise, verdict});
  delayed_send(this, std::chrono::microseconds(static_cast<int64_t>(delay_s * 1e6)),
               tick_atom::value, next_id_++);
  return promise;
}

}  // namespace thespis
