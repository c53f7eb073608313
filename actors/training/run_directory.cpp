#include "actors/training/run_directory.hpp"

#include "runtime/env/mutant.hpp"

namespace thespis {

bool holds_run(const env::FileSystem& files, const std::string& directory) {
  return files.exists(directory + "/ledger.journal") || files.exists(directory + "/metrics.jsonl");
}

void make_run_directory(env::FileSystem& files, const std::string& directory) {
  if (files.exists(directory)) return;
  const std::string parent = env::parent_directory(directory);
  if (parent != directory) make_run_directory(files, parent);
  files.create_directories(directory);
  if (!THESPIS_MUTANT(run_directory_is_not_synced)) files.sync_directory(parent);
}

}  // namespace thespis
