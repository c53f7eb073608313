#pragma once
// The program's verbs, one file each. Each returns the process's exit code; errors that end a verb
// are exceptions that main turns into one line: InputError into code 2, others into 1.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace thespis::app {

struct TrainArguments {
  std::string program;  ///< This executable, for the node processes that it starts.
  std::string recipe;
  std::vector<std::string> overrides;  ///< "train.max_age=0"
  std::string out;                     ///< The run's directory; empty: runs/NAME.
  bool resume = false;
};
int run_train(const TrainArguments& arguments);

struct NodeArguments {
  std::string join;   ///< HOST:PORT of the training.
  std::string roles;  ///< "sampler=1,reward=4"
  std::string secret_file;
  std::string listen = "127.0.0.1:0";
  uint32_t threads = 0;  ///< 0: all cores.
  double wait_s = 0;     ///< For the training to be there.
};
int run_node(const NodeArguments& arguments);

struct PretrainArguments {
  std::string recipe;
  std::vector<std::string> overrides;
  std::string out;  ///< The model's directory; empty: model.path.
};
int run_pretrain(const PretrainArguments& arguments);

struct EvalArguments {
  std::string recipe;
  std::vector<std::string> overrides;
  std::string model;  ///< Empty: model.path.
};
int run_eval(const EvalArguments& arguments);

/// Prints the recipe in `path` whole, as TOML, with where each value came from. Throws InputError.
int run_recipe(const std::string& path, const std::vector<std::string>& overrides);

/// Prints what the journal of the run in `directory` proves; code 1 where a prompt was lost or
/// counted twice.
int run_ledger(const std::string& directory);

struct TokenizeArguments {
  std::string tokenizer;       ///< tokenizer.json, or a model's directory; *.zst too.
  bool decode = false;         ///< {"ids"} -> {"text"} instead of {"text"} -> {"ids"}
  bool add_special = false;    ///< Adds BOS and the like, as the post-processor says.
  bool parse_special = false;  ///< The text of a special token is that token.
  bool skip_special = false;   ///< Decoding leaves special tokens out.
};
/// Filters JSON lines from the standard input to the standard output, in order; a line that cannot
/// be done gives {"error"} in its place.
int run_tokenize(const TokenizeArguments& arguments);
struct JudgeArguments {
  std::string task, answer;  ///< Files: a row of a data set, and what a model wrote.
  std::string data, file;    ///< A published set and its file, in place of these.
  std::string rows;          ///< Where a published set's tasks go, as rows to train on.
  std::string suite;         ///< A folder of hostile and honest programs, in place of these.
  uint32_t jobs = 0;         ///< Programs at a time; 0: one for each processor, 2 at least.
  std::vector<std::string> without;  ///< Layers that a suite is run without, to see what notices.
  bool allow_weaker = false;
  bool json = false;
};
/// Judges answers that are programs, and prints why; code 1 where one is not as it should be.
int run_judge(const JudgeArguments& arguments);
/// The same for a suite.
int run_judge_suite(const JudgeArguments& arguments);

/// Filters JSON lines as run_tokenize: {"gold", "prediction", "options"} -> {"outcome", "why"}.
int run_verify_math();

struct TemplateArguments {
  std::string file;  ///< A chat template (Jinja).
  std::string now;   ///< What strftime_now shows, as 2025-01-31; empty: the time it is.
};
/// Renders the template with the variables of each line of standard input. Throws InputError where
/// the template itself is wrong.
int run_template(const TemplateArguments& arguments);

struct GenerateArguments {
  std::string model;  ///< A directory.
  std::string prompt;
  bool chat = false;  ///< The prompt is what a user says: the model's chat template goes round it.
  std::optional<double> temperature, top_p;  ///< None: as generation_config.json says, or 1.
  std::optional<uint32_t> top_k;
  double min_p = 0;
  std::vector<std::string> stop;
  std::string device = "cpu";
  uint32_t max_tokens = 256;
  uint64_t seed = 0;
  uint32_t threads = 0;  ///< 0: all cores.
};
/// Prints what the model writes, token by token.
int run_generate(const GenerateArguments& arguments);

struct PlanMemoryArguments {
  std::string recipe;
  std::vector<std::string> overrides;
  std::string like;                     ///< A known model instead of the recipe's.
  uint32_t gpus = 0;                    ///< That train together; 0: as the recipe says.
  std::string gpu_memory = "139.8GiB";  ///< Of one: what an H200 has.
  uint32_t zero = 0;                    ///< 0: as the recipe says.
  std::string roles;                    ///< Empty: all that the recipe has.
  bool pretrain = false;
  bool json = false;
};
/// Prints the plan of each card's memory; InputError where one does not fit.
int run_plan_memory(const PlanMemoryArguments& arguments);

struct ExportArguments {
  std::string model;  ///< A directory.
  std::string to;     ///< "hf" or "gguf".
  std::string out;    ///< A directory, or a file.
  std::string dtype = "f32";
  uint64_t shard_bytes_max = 5'000'000'000;
};
int run_export(const ExportArguments& arguments);

struct InitModelArguments {
  std::string like, config;  ///< One of them: a known model's name, a config.json.
  std::string out;
  std::string tokenizer;  ///< Empty: the directory has none.
  std::optional<uint32_t> layers, hidden, heads, kv_heads, head_dim, ffn, vocab, context;
  uint64_t seed = 0;
  std::string dtype = "bf16";
  uint64_t shard_bytes_max = 5'000'000'000;
};
int run_init_model(const InitModelArguments& arguments);

struct SimulateArguments {
  std::string scenario;
  uint64_t seeds = 1;
  uint64_t from = 1;
  uint32_t jobs = 0;  ///< Threads; 0: one a core.
  bool json = false;
  std::string mutant;  ///< A bug to wake; only in builds for tests.
  std::string trace;   ///< File for the timeline of the first seed; empty: none.
};
/// Runs seeds of a scenario; code 1 where a promise was broken.
int run_simulate(const SimulateArguments& arguments);

struct PlanArguments {
  std::string recipe;
  std::vector<std::string> overrides;
  std::string cluster;     ///< A cluster's file.
  std::string times;       ///< metrics.jsonl of a run that was measured; empty: the file's times.
  std::string sweep;       ///< "rewards=1,2,4"; empty: none.
  std::string svg;         ///< File for a picture of the sweep; empty: none.
  double idle_max = 0.05;  ///< Of the learner, that what is needed is to keep.
  bool json = false;
};
/// Prints how a training would go on a cluster, what limits it, and how many workers it needs.
int run_plan(const PlanArguments& arguments);

/// Prints what this machine has, and what is on or off because of it.
int run_doctor();

}  // namespace thespis::app
