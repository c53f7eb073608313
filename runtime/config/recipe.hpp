#pragma once
// A recipe as plain values: what a TOML file, the defaults below and `--set` overrides come to.
// The names here are the keys of the file; keys.cpp says their ranges and what they are for.
// Paths are relative to the directory in which the program was started.

#include <cstdint>
#include <string>
#include <vector>

namespace thespis::config {

enum class DataSource : uint8_t { kCountdown, kJsonl, kPrograms };
enum class OnBadRow : uint8_t { kError, kSkip };
enum class PromptTemplate : uint8_t { kR1Zero, kPlain, kChat };
enum class RowKind : uint8_t { kCountdown, kMath, kCode };
enum class AnswerFormat : uint8_t { kAuto, kPlain, kGsm8k, kBoxed };
enum class AdvEstimator : uint8_t { kGrpo, kDrGrpo, kRloo };
enum class LossAggMode : uint8_t { kTokenMean, kSeqMeanTokenMean, kSeqMeanTokenSumNorm };
enum class Credit : uint8_t { kAllOrNothing, kShare };
enum class KlType : uint8_t { kK1, kK2, kK3 };

struct ModelSection {
  std::string path;  ///< A Hugging Face directory.
  bool operator==(const ModelSection&) const = default;
};

struct CountdownSection {
  uint32_t numbers = 3;
  uint32_t number_min = 1;
  uint32_t number_max = 12;
  uint32_t target_min = 1;
  uint32_t target_max = 100;
  std::string operators = "+-*";
  bool operator==(const CountdownSection&) const = default;
};

/// Stack programs for which a Python function is to be written.
struct ProgramsSection {
  uint32_t operations_min = 2;
  uint32_t operations_max = 4;
  uint32_t tests = 6;      ///< Hidden calls of each function.
  double test_wait_s = 0;  ///< Each run sleeps so long, for experiments with slow tests.
  bool operator==(const ProgramsSection&) const = default;
};

struct DataSection {
  DataSource source = DataSource::kCountdown;
  std::vector<std::string> train_files;
  std::vector<std::string> test_files;
  RowKind kind = RowKind::kCountdown;
  std::string prompt_key = "prompt";  ///< "extra_info.question": within an object.
  std::string answer_key = "answer";
  AnswerFormat answer_format = AnswerFormat::kAuto;
  OnBadRow on_bad_row = OnBadRow::kError;
  PromptTemplate prompt_template = PromptTemplate::kR1Zero;  ///< Key data.template.
  std::string date;  ///< For chat templates that ask for it; empty: those get none.
  uint32_t held_out = 256;
  uint32_t epochs = 0;  ///< 0: unlimited.
  CountdownSection countdown;
  ProgramsSection programs;
  bool operator==(const DataSection&) const = default;
};

struct RolloutSection {
  uint32_t group_size = 16;
  double temperature = 1.0;
  uint32_t top_k = 0;  ///< 0: all tokens.
  double top_p = 1.0;
  double min_p = 0;
  std::vector<std::string> stop;
  uint32_t max_response_length = 384;
  uint32_t max_prompt_length = 64;
  uint32_t slots = 128;   ///< Sequences that one sampler decodes at a time.
  uint32_t samplers = 1;  ///< In one process; more join as nodes.
  uint64_t queue_bytes = 64 << 20;
  double deadline_s = 120;
  bool operator==(const RolloutSection&) const = default;
};

/// A count that may be left to the program.
struct AutoCount {
  uint32_t count = 0;  ///< 0: "auto".
  bool operator==(const AutoCount&) const = default;
};

/// Answers that are programs: workers that run them.
struct CodeRewardsSection {
  AutoCount workers;
  uint32_t capacity = 32;  ///< Answers that one worker works on at a time.
  uint32_t jobs = 2;       ///< Programs that one worker runs at a time.
  Credit credit = Credit::kAllOrNothing;
  bool stop_at_failure = true;
  uint32_t parallel_tests = 2;     ///< Of one answer.
  uint32_t calls_per_process = 1;  ///< Function tests that share one.
  double cpu_s = 5;                ///< Of one run, where the task does not say.
  double wall_s = 30;
  uint32_t memory_mb = 256;
  double canary_interval_s = 60;  ///< Between judgements of known programs; 0: never.
  bool operator==(const CodeRewardsSection&) const = default;
};

struct SandboxSection {
  bool allow_weaker = false;  ///< Run programs even where layers of the wall are missing.
  bool operator==(const SandboxSection&) const = default;
};

struct RewardsSection {
  double accuracy_weight = 1.0;
  double format_weight = 0.1;
  uint32_t workers = 2;
  uint32_t capacity = 8;  ///< Verdicts that one worker works on at a time.
  double deadline_s = 30;
  uint32_t retries = 3;
  double delay_mean_s = 0;  ///< Mean of a lognormal sleep in the reward actor; 0: none.
  double delay_sigma = 1.0;
  CodeRewardsSection code;
  bool operator==(const RewardsSection&) const = default;
};

struct ReferenceSection {
  uint32_t workers = 1;
  double deadline_s = 60;
  bool operator==(const ReferenceSection&) const = default;
};

struct TrainSection {
  uint64_t steps = 0;  ///< Required to train.
  uint32_t groups_per_step = 32;
  uint32_t max_age = 1;      ///< Optimizer steps; 0: synchronous.
  double learning_rate = 0;  ///< Required to train.
  uint64_t warmup_steps = 0;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double clip_grad_norm = 1;
  AdvEstimator adv_estimator = AdvEstimator::kGrpo;
  double clip_ratio_low = 0.2;
  double clip_ratio_high = 0.2;
  LossAggMode loss_agg_mode = LossAggMode::kTokenMean;
  KlType kl_type = KlType::kK3;
  double kl_coef = 0.001;
  double tis_cap = 0;  ///< 0: no truncated importance sampling.
  bool dynamic_sampling = false;
  uint32_t dynamic_sampling_max_factor = 3;
  uint32_t overlong_buffer = 0;  ///< Tokens; 0: no overlong shaping.
  double overlong_penalty = 1.0;
  uint64_t reference_reset_steps = 0;  ///< 0: never.
  uint32_t grad_lanes = 16;
  uint64_t micro_batch_tokens = 1024;
  uint32_t ranks = 1;        ///< Learners that take each step together.
  uint32_t local_ranks = 0;  ///< Of these, in the training's process; 0: all.
  uint32_t zero = 1;         ///< What they share: 1 optimizer state, 3 also weights.
  double rank_deadline_s = 60;
  bool operator==(const TrainSection&) const = default;
};

struct EvalSection {
  uint64_t every = 0;  ///< Steps; 0: only before the first and after the last.
  uint32_t prompts = 256;
  uint32_t samples = 16;
  uint32_t base_samples = 4;
  double temperature = 1.0;
  bool operator==(const EvalSection&) const = default;
};

struct CheckpointSection {
  uint64_t every = 10;  ///< Steps.
  uint32_t keep = 2;
  bool operator==(const CheckpointSection&) const = default;
};

struct ClusterSection {
  uint32_t processes = 1;
  std::string listen = "127.0.0.1:0";
  std::string secret_file;
  double heartbeat_interval_s = 0.5;
  double heartbeat_deadline_s = 2.5;
  double join_deadline_s = 30;
  bool operator==(const ClusterSection&) const = default;
};

struct EngineSection {
  std::string device = "cpu";
  std::string sampler_device;  ///< Empty: as device.
  uint32_t threads = 0;        ///< 0: all cores.
  bool bitwise = true;         ///< On a card: products keep the row contract (SAME-MATH).
  double kv_share = 0;         ///< Of a card's memory, for keys and values; 0: what remains.
  bool operator==(const EngineSection&) const = default;
};

struct PretrainModelSection {
  uint32_t hidden_size = 128;
  uint32_t layers = 4;
  uint32_t heads = 4;
  uint32_t kv_heads = 2;
  uint32_t head_dim = 32;
  uint32_t ffn_size = 384;
  uint32_t context_length = 256;  ///< Tokens; also the length of a packed training row.
  bool operator==(const PretrainModelSection&) const = default;
};

/// How made-up thoughts search: tasks/ writes them.
struct PretrainCorpusSection {
  double stop_probability = 0.95;          ///< Of giving up after a miss, in most documents.
  double patient_share = 0.06;             ///< Documents that give up less readily:
  double patient_stop_probability = 0.02;  ///< with this probability.
  double format_error_rate = 0.12;
  double error_rate = 0.1;  ///< Documents with a wrong step, where steps can be wrong.
  uint32_t thought_tokens_max = 222;
  bool operator==(const PretrainCorpusSection&) const = default;
};

struct PretrainSection {
  uint64_t tokens = 0;  ///< Required to pretrain.
  uint32_t batch_sequences = 32;
  double learning_rate = 0;  ///< Required to pretrain.
  uint64_t warmup_steps = 100;
  double final_lr_ratio = 0.05;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  double clip_grad_norm = 1;
  PretrainModelSection model;
  PretrainCorpusSection corpus;
  bool operator==(const PretrainSection&) const = default;
};

struct Recipe {
  uint64_t seed = 1;
  std::string name = "run";
  ModelSection model;
  DataSection data;
  RolloutSection rollout;
  RewardsSection rewards;
  SandboxSection sandbox;
  ReferenceSection reference;
  TrainSection train;
  EvalSection eval;
  CheckpointSection checkpoint;
  ClusterSection cluster;
  EngineSection engine;
  PretrainSection pretrain;
  bool operator==(const Recipe&) const = default;
};

}  // namespace thespis::config
