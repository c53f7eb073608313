#include "sim/check/run_logs.hpp"

#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_map>

#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"
#include "runtime/store/journal.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace thespis::sim {
namespace {

struct Admitted {
  uint64_t prompt, version;
};

/// The journal's events, told to the checker as if it had been there.
void replay(const std::vector<std::string>& events, Checker& checker) {
  std::unordered_map<uint64_t, Admitted> admitted;
  for (const std::string& event : events) {
    std::istringstream words(event);
    std::string kind;
    uint64_t a = 0, b = 0, c = 0;
    words >> kind >> a >> b >> c;
    if (kind == "admit")
      admitted.insert_or_assign(a, Admitted{b, c});
    else if (kind == "consume" && admitted.contains(a))
      checker.consumed(b + 1, a, admitted.at(a).prompt, admitted.at(a).version);
    else if (kind == "step")
      checker.stepped(a, b, 0, 0);
    else if (kind == "resume")
      checker.resumed(a);
  }
}

std::string read_text(const env::FileSystem& files, const std::string& path, uint64_t bytes_max) {
  try {
    const auto bytes = files.read(path, bytes_max);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  } catch (const env::FileError& error) {
    throw InputError(error.what());
  }
}

}  // namespace

std::optional<Violation> check_logs(env::FileSystem& files, const std::string& directory) {
  const std::string recipe = directory + "/recipe.toml";
  Scenario scenario;
  scenario.recipe = config::parse(read_text(files, recipe, config::kRecipeBytesMax), recipe, {},
                                  config::Verb::kShow)
                        .recipe;
  Checker checker(scenario);
  const auto events = store::Journal(files, directory + "/ledger.journal").take_recovered();
  replay(events, checker);
  const std::string path = directory + "/metrics.jsonl";
  std::istringstream lines(read_text(files, path, telemetry::kMetricsBytesMax));
  for (std::string text; std::getline(lines, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!line.is_object()) throw InputError(path + ": a line that is no JSON object");
    const auto value = [&line](const char* key) { return line.value(key, uint64_t{0}); };
    checker.aged(value("step"), value("age_max"));
    checker.compared(value("step"), value("logprobs_compared"), value("logprob_mismatches"));
    checker.counted(value("prompts_consumed"), value("groups_ready"), value("groups_open"));
  }
  if (checker.steps_done() == scenario.recipe.train.steps) checker.audit(events);
  return checker.first();
}

}  // namespace thespis::sim
