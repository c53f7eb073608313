// `thespis ledger`: proves from a run's journal that no prompt was lost or counted twice.

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "actors/conductor/ledger_audit.hpp"
#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/store/journal.hpp"
#include "sim/check/run_logs.hpp"

namespace thespis::app {

int run_ledger(const std::string& directory) {
  const std::string path = directory + "/ledger.journal";
  if (!std::filesystem::exists(path))
    throw InputError(path + ": no such file; name a run's directory");
  env::RealFileSystem files;
  const auto events = store::Journal(files, path).take_recovered();
  const LedgerAudit audit = audit_ledger(events);
  const nlohmann::ordered_json json{{"steps", audit.steps},
                                    {"resumes", audit.resumes},
                                    {"prompts_admitted", audit.admitted},
                                    {"prompts_consumed", audit.consumed},
                                    {"prompts_filtered", audit.filtered},
                                    {"prompts_dropped", audit.dropped},
                                    {"prompts_open", audit.open},
                                    {"violations", audit.violations}};
  std::printf("%s\n", json.dump(2).c_str());
  // What else the run's files can show is checked as the simulator does.
  std::optional<sim::Violation> broken;
  if (std::filesystem::exists(directory + "/metrics.jsonl"))
    broken = sim::check_logs(files, directory);
  if (broken) std::printf("%s is broken: %s\n", broken->promise.c_str(), broken->text.c_str());
  return audit.violations.empty() && !broken ? 0 : 1;
}

}  // namespace thespis::app
