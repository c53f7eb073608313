#include "actors/episode/jobs.hpp"

#include "runtime/wire/lists.hpp"

namespace thespis {

wire::Message<wire::Generate> generate_job(const EpisodeContext& context, const JobKey& key,
                                           const std::vector<int32_t>& prompt, float temperature,
                                           uint64_t min_version) {
  return wire::Message<wire::Generate>::build([&](wire::Generate::Builder g) {
    set_key(g.initJob(), key);
    wire::fill_list(g.initPrompt(static_cast<unsigned>(prompt.size())), prompt);
    wire::fill_list(g.initStopTokens(static_cast<unsigned>(context.stop_tokens.size())),
                    context.stop_tokens);
    g.setMaxTokens(context.max_tokens);
    g.setTemperature(temperature);
    g.setRandomSeed(context.seed);
    g.setRandomStream(key.group);
    g.setMinVersion(min_version);
    g.setTopP(context.cut.top_p);
    g.setTopK(context.cut.top_k);
    g.setMinP(context.cut.min_p);
  });
}

wire::Message<wire::Judge> judge_job(const EpisodeContext& context, const std::string& task,
                                     const wire::Rollout::Reader& rollout,
                                     const std::string& text) {
  return wire::Message<wire::Judge>::build([&](wire::Judge::Builder j) {
    j.setJob(rollout.getJob());
    j.setKind(context.kind);
    j.setTask(task);
    j.setCompletion(text);
    j.setFinish(rollout.getFinish());
  });
}

}  // namespace thespis
