// `thespis train`: prepares the run's directory, starts node processes where asked, trains,
// reports.

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "actors/training/card_use.hpp"
#include "actors/training/run_directory.hpp"
#include "app/children.hpp"
#include "app/secret.hpp"
#include "app/training.hpp"
#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/terminal.hpp"

namespace thespis::app {
namespace {

namespace fs = std::filesystem;

/// runs/NAME for a fresh run, runs/NAME-2, ... where that exists; the newest of them to resume.
std::string default_directory(const std::string& name, bool resume) {
  std::string newest;
  for (uint32_t i = 1;; ++i) {
    const std::string path = "runs/" + name + (i == 1 ? "" : "-" + std::to_string(i));
    if (!fs::exists(path)) {
      if (!resume) return path;
      if (newest.empty())
        throw InputError("there is no run of recipe '" + name +
                         "' below runs/ to resume; name it with --out");
      return newest;
    }
    newest = path;
  }
}

/// Refuses a directory that holds another run's results, and makes it.
void prepare_directory(const std::string& directory, bool resume) {
  env::RealFileSystem files;
  const bool holds = holds_run(files, directory);
  if (holds && !resume)
    throw InputError(
        directory + ": holds a run already; continue it with --resume, or name another with --out");
  if (!holds && resume) throw InputError(directory + ": holds no run to resume");
  make_run_directory(files, directory);
}

/// Held while this process trains into the directory: two would ruin each other's files.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& directory)
      : file_(open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (file_ < 0) throw Error(directory + "/lock: " + std::strerror(errno));
    if (flock(file_, LOCK_EX | LOCK_NB) == 0) return;
    close(file_);
    throw InputError(directory +
                     ": another process is training into it; wait for it, or use another --out");
  }
  ~DirectoryLock() { close(file_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int file_;
};

void write_recipe(const config::Loaded& loaded, const std::string& directory) {
  env::RealFileSystem files;
  const std::string text = config::to_toml(loaded);
  files.replace(directory + "/recipe.toml", std::as_bytes(std::span(text)));
}

void show(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_result(const std::string& summary, const std::string& directory) {
  const auto json = nlohmann::json::parse(summary);
  const auto percent = [&](const char* key) {
    return json.contains(key) ? json[key].get<double>() * 100 : -1;
  };
  std::printf("\n");
  if (percent("base_pass_at_1") >= 0 && percent("pass_at_1") >= 0)
    std::printf("held-out pass@1 %.1f %% -> %.1f %%", percent("base_pass_at_1"),
                percent("pass_at_1"));
  if (percent("cons_at_16") >= 0) std::printf(", cons@16 %.1f %%", percent("cons_at_16"));
  std::printf(
      "\nresponse length %.0f -> %.0f tokens, %lu steps in %.0f s, learner idle %.0f %%, "
      "log-prob mismatches %lu\n",
      json["response_length_first"].get<double>(), json["response_length_last"].get<double>(),
      json["steps"].get<unsigned long>(), json["wall_s"].get<double>(),
      json["learner_idle_share"].get<double>() * 100,
      json["logprob_mismatches"].get<unsigned long>());
  std::printf("results: %s (metrics.jsonl, summary.json, samples.txt, model/)\n",
              directory.c_str());
}

}  // namespace

int run_train(const TrainArguments& arguments) {
  const auto loaded = config::load(arguments.recipe, arguments.overrides, config::Verb::kTrain);
  const config::Recipe& recipe = loaded.recipe;
  RunInputs inputs = load_inputs(recipe);
  const std::string judges = reward_role(inputs.train->at(0).kind);
  const bool has_children = recipe.cluster.processes > 1;
  TrainingOptions options;
  if (!has_children)
    options.local = {recipe.rollout.samplers, judges == "reward" ? recipe.rewards.workers : 0,
                     recipe.train.kl_coef != 0 ? recipe.reference.workers : 0,
                     judges == "reward" ? 0 : code_worker_count(recipe)};
  require_fits(recipe, inputs.policy->plan(), card_uses(recipe, options.local, true));
  std::string directory = arguments.out;
  if (directory.empty()) directory = default_directory(recipe.name, arguments.resume);
  prepare_directory(directory, arguments.resume);
  const DirectoryLock lock(directory);

  options.directory = directory;
  options.resume = arguments.resume;
  std::string secret_file = recipe.cluster.secret_file;
  // A run that others may join needs a secret: the user's, or for its own processes a fresh one.
  options.listens = has_children || !secret_file.empty();
  if (has_children && secret_file.empty()) {
    secret_file = directory + "/secret";
    options.secret = make_secret(secret_file);
  } else if (options.listens) {
    options.secret = read_secret(secret_file);
  }
  const uint32_t remote_ranks =
      recipe.train.local_ranks == 0 ? 0 : recipe.train.ranks - recipe.train.local_ranks;
  if (remote_ranks > 0 && !options.listens)
    throw InputError("train.local_ranks = " + std::to_string(recipe.train.local_ranks) + " of " +
                     std::to_string(recipe.train.ranks) +
                     " ranks: the others join as nodes, which needs cluster.secret_file or "
                     "--processes");
  write_recipe(loaded, directory);

  telemetry::Progress progress(
      show, telemetry::terminal_of(STDOUT_FILENO),
      recipe.name + ": " + recipe.model.path + ", results in " + directory);
  const auto log = telemetry::open_log(directory + "/thespis.log", "train");
  const auto note = [&](const std::string& line) {
    progress.note(line);
    log->info(line);
  };
  log->info("{} of recipe {}, seed {}", arguments.resume ? "resuming" : "training", recipe.name,
            recipe.seed);
  if (const auto& skipped = inputs.train->skipped(); skipped.count > 0)
    note(std::to_string(skipped.count) + " training rows skipped; the first: " + skipped.first);
  options.log = [log](const std::string& line) { log->error(line); };
  Training training(std::move(inputs), options, progress);
  if (options.listens)
    note("nodes join at " + training.address() + " with --secret-file " + secret_file);
  std::optional<Children> children;
  if (has_children) {
    auto nodes = split_roles(recipe.cluster.processes, recipe, judges);
    nodes.insert(nodes.end(), remote_ranks, Roles{.learners = 1});
    children.emplace(
        Children::Options{arguments.program, training.address(), secret_file, directory, note},
        nodes);
  }
  try {
    training.run();
  } catch (const Error& error) {
    log->error(error.what());
    throw;
  }
  log->info(training.summary());
  children.reset();
  print_result(training.summary(), directory);
  return 0;
}

}  // namespace thespis::app
