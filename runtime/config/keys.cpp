#include "runtime/config/keys.hpp"
#include "runtime/config/card_range.hpp"

#include <algorithm>
#include <numeric>

namespace thespis::config {
namespace {

constexpr std::string_view kDataSources[] = {"countdown", "jsonl", "programs"};
constexpr std::string_view kCredits[] = {"all-or-nothing", "share"};
constexpr std::string_view kOnBadRow[] = {"error", "skip"};
constexpr std::string_view kTemplates[] = {"r1-zero", "plain", "chat"};
constexpr std::string_view kRowKinds[] = {"countdown", "math", "code"};
constexpr std::string_view kAnswerFormats[] = {"auto", "plain", "gsm8k", "boxed"};
constexpr std::string_view kAdvEstimators[] = {"grpo", "dr_grpo", "rloo"};
constexpr std::string_view kLossAggModes[] = {"token-mean", "seq-mean-token-mean",
                                              "seq-mean-token-sum-norm"};
constexpr std::string_view kKlTypes[] = {"k1", "k2", "k3"};

template <class T>
Field at(T& value) {
  return &value;
}
template <class E>
Field choice(E& value, std::span<const std::string_view> names) {
  static_assert(std::is_same_v<std::underlying_type_t<E>, uint8_t>);
  return Choice{reinterpret_cast<uint8_t*>(&value), names};  // A byte may alias anything.
}
Field at(DataSource& v) {
  return choice(v, kDataSources);
}
Field at(OnBadRow& v) {
  return choice(v, kOnBadRow);
}
Field at(PromptTemplate& v) {
  return choice(v, kTemplates);
}
Field at(RowKind& v) {
  return choice(v, kRowKinds);
}
Field at(AnswerFormat& v) {
  return choice(v, kAnswerFormats);
}
Field at(AdvEstimator& v) {
  return choice(v, kAdvEstimators);
}
Field at(LossAggMode& v) {
  return choice(v, kLossAggModes);
}
Field at(Credit& v) {
  return choice(v, kCredits);
}
Field at(KlType& v) {
  return choice(v, kKlTypes);
}

constexpr double kUint63 = 9223372036854775807.0, kCount = 1'000'000'000, kDay = 86400;

constexpr Range from(double low, double high) {
  return {low, high, false};
}
constexpr Range above(double low, double high) {
  return {low, high, true};
}

std::optional<std::string_view> run_name(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= 64 && text[0] != '.' && text[0] != '-' &&
                    std::all_of(text.begin(), text.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                    });
  if (fine) return std::nullopt;
  return "1 to 64 letters, digits, '.', '_' or '-'";
}

std::optional<std::string_view> not_empty(std::string_view text) {
  if (!text.empty()) return std::nullopt;
  return "a text that is not empty";
}

std::optional<std::string_view> date_or_empty(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-dd";
  const bool fine = text.size() == kShape.size() &&
                    std::equal(text.begin(), text.end(), kShape.begin(), [](char c, char shape) {
                      return shape == 'd' ? c >= '0' && c <= '9' : c == shape;
                    });
  if (fine || text.empty()) return std::nullopt;
  return "a date like 2025-01-31";
}

std::optional<std::string_view> operators(std::string_view text) {
  const bool fine = !text.empty() && text.find_first_not_of("+-*/") == text.npos &&
                    std::all_of(text.begin(), text.end(), [text](char c) {
                      return std::count(text.begin(), text.end(), c) == 1;
                    });
  if (fine) return std::nullopt;
  return "some of the operators + - * /, each at most once";
}

std::optional<std::string_view> host_and_port(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto port = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
  const auto number = [](uint32_t n, char c) { return n * 10 + static_cast<uint32_t>(c - '0'); };
  if (digits && colon > 0 && std::accumulate(port.begin(), port.end(), 0u, number) <= 65535)
    return std::nullopt;
  return "HOST:PORT, port 0 for any free one";
}

std::optional<std::string_view> compute_device(std::string_view text) {
  const auto cards = card_range(text);
  if (text == "cpu" || (cards && cards->size() == 1)) return std::nullopt;
  return "\"cpu\", \"cuda\", or \"cuda:N\" for card N";
}

std::optional<std::string_view> sampler_cards(std::string_view text) {
  if (text.empty() || card_range(text)) return std::nullopt;
  return "empty, \"cuda:N\", or \"cuda:N-M\" for cards N to M";
}

// A key's name is the path of its field, so that the two cannot disagree.
#define THESPIS_KEY(path) #path, [](Recipe & r) { return at(r.path); }

constexpr Verb kTrain = Verb::kTrain, kPretrain = Verb::kPretrain;
constexpr std::monostate kAny{};

const Key kKeys[] = {
    {THESPIS_KEY(seed), from(0, kUint63), "Every random number of the run follows from it"},
    {THESPIS_KEY(name), run_name, "Name of the run, and of its directory where none is given"},

    {THESPIS_KEY(model.path), not_empty, "Model to start from: a Hugging Face directory", kTrain},

    {THESPIS_KEY(data.source), kAny, "Generated Countdown or program tasks, or rows of JSON lines"},
    {THESPIS_KEY(data.train_files), kAny, "For jsonl: the files to train on"},
    {THESPIS_KEY(data.test_files), kAny, "For jsonl: the files to evaluate on"},
    {THESPIS_KEY(data.kind), kAny, "For jsonl: what rows are, and so who judges the answers"},
    {THESPIS_KEY(data.prompt_key), not_empty,
     "For jsonl: the field that is the question, or a list of messages; a.b is b in a"},
    {THESPIS_KEY(data.answer_key), not_empty, "For math: the field with the right answer"},
    {THESPIS_KEY(data.answer_format), kAny,
     "For math: the whole field, what follows #### (GSM8K), the last \\boxed{}, or what is there"},
    {THESPIS_KEY(data.on_bad_row), kAny, "A row that is not valid ends the run, or is counted"},
    {"data.template", [](Recipe& r) { return at(r.data.prompt_template); }, kAny,
     "Round the question: the paper's R1-Zero template, the model's own for chats, or nothing"},
    {THESPIS_KEY(data.date), date_or_empty,
     "For chat templates that show the date (strftime_now); empty: they are given none"},
    {THESPIS_KEY(data.held_out), from(1, 1'000'000), "Generated prompts kept out of training"},
    {THESPIS_KEY(data.epochs), from(0, 1'000'000), "Passes over the data; 0 is without limit"},
    {THESPIS_KEY(data.countdown.numbers), from(2, 6), "Numbers in a task"},
    {THESPIS_KEY(data.countdown.number_min), from(1, 1000), "Smallest number"},
    {THESPIS_KEY(data.countdown.number_max), from(1, 1000), "Largest number"},
    {THESPIS_KEY(data.countdown.target_min), from(0, 100000), "Smallest target"},
    {THESPIS_KEY(data.countdown.target_max), from(0, 100000), "Largest target"},
    {THESPIS_KEY(data.countdown.operators), operators, "Operators of the expression to find"},

    {THESPIS_KEY(data.programs.operations_min), from(1, 8), "Fewest operators of a stack program"},
    {THESPIS_KEY(data.programs.operations_max), from(1, 8), "Most operators"},
    {THESPIS_KEY(data.programs.tests), from(1, 1024), "Hidden calls of the function asked for"},
    {THESPIS_KEY(data.programs.test_wait_s), from(0, 3600),
     "Seconds that each run sleeps, for experiments"},

    {THESPIS_KEY(rollout.group_size), from(2, 1024), "Completions of one prompt (GRPO's G)"},
    {THESPIS_KEY(rollout.temperature), above(0, 10), "Of sampling in training"},
    {THESPIS_KEY(rollout.top_k), from(0, 1 << 30),
     "Draw from so many most probable tokens; 0: all"},
    {THESPIS_KEY(rollout.top_p), above(0, 1),
     "Then from the most probable ones that have this share of the probability"},
    {THESPIS_KEY(rollout.min_p), from(0, 1),
     "Then from those at least so probable, as a share of the most probable one"},
    {THESPIS_KEY(rollout.stop), kAny, "Texts: a completion ends with the token that completes one"},
    {THESPIS_KEY(rollout.max_response_length), from(1, 1 << 20),
     "Tokens; then a completion is cut"},
    {THESPIS_KEY(rollout.max_prompt_length), from(1, 1 << 20),
     "Tokens; a longer prompt is a bad row"},
    {THESPIS_KEY(rollout.slots), from(1, 65536), "Sequences that one sampler decodes at a time"},
    {THESPIS_KEY(rollout.samplers), from(1, 1024), "Samplers; with several processes, one in each"},
    {THESPIS_KEY(rollout.queue_bytes), from(1 << 16, 1e12), "Most that waits for the samplers"},
    {THESPIS_KEY(rollout.deadline_s), above(0, kDay),
     "A completion that takes longer is re-issued"},

    {THESPIS_KEY(rewards.accuracy_weight), from(0, 1000), "Reward of a right answer"},
    {THESPIS_KEY(rewards.format_weight), from(0, 1000), "Reward of the asked-for format"},
    {THESPIS_KEY(rewards.workers), from(1, 65536), "Reward actors"},
    {THESPIS_KEY(rewards.capacity), from(1, 65536), "Verdicts that one works on at a time"},
    {THESPIS_KEY(rewards.deadline_s), above(0, kDay),
     "A verdict that takes longer is asked for anew"},
    {THESPIS_KEY(rewards.retries), from(0, 100), "Then the group is dropped and counted"},
    {THESPIS_KEY(rewards.delay_mean_s), from(0, 3600), "Mean of an added sleep, for experiments"},
    {THESPIS_KEY(rewards.delay_sigma), from(0, 10), "Sigma of that sleep's lognormal"},

    {THESPIS_KEY(rewards.code.workers), from(1, 65536), "Workers that run programs"},
    {THESPIS_KEY(rewards.code.capacity), from(1, 65536), "Answers that one works on at a time"},
    {THESPIS_KEY(rewards.code.jobs), from(2, 4096), "Programs that one runs at a time"},
    {THESPIS_KEY(rewards.code.credit), kAny, "For all tests passed, or for the share of them"},
    {THESPIS_KEY(rewards.code.stop_at_failure), kAny, "Tests after the first failure do not run"},
    {THESPIS_KEY(rewards.code.parallel_tests), from(1, 1024), "Tests of one answer at a time"},
    {THESPIS_KEY(rewards.code.calls_per_process), from(1, 1024),
     "Function tests that share a process"},
    {THESPIS_KEY(rewards.code.cpu_s), above(0, 3600), "Processor time of one run"},
    {THESPIS_KEY(rewards.code.wall_s), above(0, kDay), "Time by the clock: a backstop, far above"},
    {THESPIS_KEY(rewards.code.memory_mb), from(16, 1 << 20), "Memory of one run"},
    {THESPIS_KEY(rewards.code.canary_interval_s), from(0, kDay),
     "Between judgements of known programs; 0 is never"},

    {THESPIS_KEY(sandbox.allow_weaker), kAny,
     "Run programs even where layers of the wall are missing"},

    {THESPIS_KEY(reference.workers), from(1, 1024), "Reference actors"},
    {THESPIS_KEY(reference.deadline_s), above(0, kDay), "A scoring that takes longer is re-issued"},

    {THESPIS_KEY(train.steps), from(1, kCount), "Optimizer steps", kTrain},
    {THESPIS_KEY(train.groups_per_step), from(1, 65536), "Prompts in one step"},
    {THESPIS_KEY(train.max_age), from(0, 1024), "Steps a token may be old; 0 is synchronous"},
    {THESPIS_KEY(train.learning_rate), above(0, 1), "AdamW's, after the warm-up", kTrain},
    {THESPIS_KEY(train.warmup_steps), from(0, kCount), "Steps of linear warm-up"},
    {THESPIS_KEY(train.beta1), from(0, 0.999999), "AdamW's first moment"},
    {THESPIS_KEY(train.beta2), from(0, 0.999999), "AdamW's second moment"},
    {THESPIS_KEY(train.epsilon), above(0, 1), "AdamW's epsilon"},
    {THESPIS_KEY(train.weight_decay), from(0, 1), "AdamW's, decoupled"},
    {THESPIS_KEY(train.clip_grad_norm), from(0, 1e6), "Largest norm of a gradient; 0 is no limit"},
    {THESPIS_KEY(train.adv_estimator), kAny, "How a group's rewards become advantages"},
    {THESPIS_KEY(train.clip_ratio_low), from(0, 1), "Ratio is clipped below 1 - this"},
    {THESPIS_KEY(train.clip_ratio_high), from(0, 100), "Ratio is clipped above 1 + this"},
    {THESPIS_KEY(train.loss_agg_mode), kAny, "How token losses become one"},
    {THESPIS_KEY(train.kl_type), kAny, "Estimator of the KL to the reference"},
    {THESPIS_KEY(train.kl_coef), from(0, 100), "Weight of the KL in the loss"},
    {THESPIS_KEY(train.tis_cap), from(0, 1000), "Cap of truncated importance sampling; 0 is off"},
    {THESPIS_KEY(train.dynamic_sampling), kAny, "Drop groups whose rewards are all alike (DAPO)"},
    {THESPIS_KEY(train.dynamic_sampling_max_factor), from(1, 100),
     "Most groups judged for one that is learned from"},
    {THESPIS_KEY(train.overlong_buffer), from(0, 1 << 20),
     "Tokens before the limit over which a penalty grows (DAPO); 0 is off"},
    {THESPIS_KEY(train.overlong_penalty), from(0, 1000), "That penalty at the limit"},
    {THESPIS_KEY(train.reference_reset_steps), from(0, kCount),
     "Steps after which the policy becomes the reference; 0 is never"},
    {THESPIS_KEY(train.grad_lanes), from(1, 1024),
     "Partial gradients, added in one order whatever the threads"},
    {THESPIS_KEY(train.micro_batch_tokens), from(64, 1 << 24),
     "Tokens of one forward and backward"},
    {THESPIS_KEY(train.ranks), from(1, 1024),
     "Learners that share each step's work and optimizer state; on the CPU the same weights for "
     "any number"},
    {THESPIS_KEY(train.local_ranks), from(0, 1024),
     "Of these in the training's process, 0 is all; the others are nodes with --roles learner"},
    {THESPIS_KEY(train.zero), from(1, 3),
     "What ranks share: 1 the optimizer's state, 3 the weights too, layer by layer"},
    {THESPIS_KEY(train.rank_deadline_s), above(0, kDay), "Longest that ranks wait for one of them"},

    {THESPIS_KEY(eval.every), from(0, kCount), "Steps; 0 is only before the first, after the last"},
    {THESPIS_KEY(eval.prompts), from(0, 1'000'000), "Held-out prompts"},
    {THESPIS_KEY(eval.samples), from(1, 1024), "Completions of each at the end (cons@16 needs 16)"},
    {THESPIS_KEY(eval.base_samples), from(0, 1024), "Completions of each in all other evaluations"},
    {THESPIS_KEY(eval.temperature), above(0, 10), "Of sampling in evaluation"},

    {THESPIS_KEY(checkpoint.every), from(1, kCount), "Steps between checkpoints"},
    {THESPIS_KEY(checkpoint.keep), from(1, 1000), "Checkpoints kept"},

    {THESPIS_KEY(cluster.processes), from(1, 1024), "Processes on this host"},
    {THESPIS_KEY(cluster.listen), host_and_port, "Where nodes join"},
    {THESPIS_KEY(cluster.secret_file), kAny,
     "Shared secret of the nodes; without one, none may join"},
    {THESPIS_KEY(cluster.heartbeat_interval_s), above(0, 3600), "Between signs of life"},
    {THESPIS_KEY(cluster.heartbeat_deadline_s), above(0, 3600), "Then a silent node is lost"},
    {THESPIS_KEY(cluster.join_deadline_s), above(0, kDay), "For the first node of each role"},

    {THESPIS_KEY(engine.device), compute_device,
     "What computes: cpu, cuda, cuda:N; train.ranks take as many cards from there"},
    {THESPIS_KEY(engine.sampler_device), sampler_cards,
     "Cards of the samplers, in turn: cuda:N, cuda:N-M; empty: engine.device"},
    {THESPIS_KEY(engine.threads), from(0, 4096), "Threads that compute; 0 is one a core"},
    {THESPIS_KEY(engine.bitwise), kAny,
     "On a card: sampler and learner agree to the bit; false lets products be split anyhow"},
    {THESPIS_KEY(engine.kv_share), from(0, 0.95),
     "On a card: share of its memory for keys and values; 0 is what the rest leaves"},

    {THESPIS_KEY(pretrain.tokens), from(1, 1e15), "Tokens to train on", kPretrain},
    {THESPIS_KEY(pretrain.batch_sequences), from(1, 65536), "Packed rows in one step"},
    {THESPIS_KEY(pretrain.learning_rate), above(0, 1), "AdamW's, at its peak", kPretrain},
    {THESPIS_KEY(pretrain.warmup_steps), from(0, kCount), "Steps of linear warm-up"},
    {THESPIS_KEY(pretrain.final_lr_ratio), from(0, 1), "Last learning rate over the peak (cosine)"},
    {THESPIS_KEY(pretrain.beta1), from(0, 0.999999), "AdamW's first moment"},
    {THESPIS_KEY(pretrain.beta2), from(0, 0.999999), "AdamW's second moment"},
    {THESPIS_KEY(pretrain.epsilon), above(0, 1), "AdamW's epsilon"},
    {THESPIS_KEY(pretrain.weight_decay), from(0, 1), "AdamW's, decoupled"},
    {THESPIS_KEY(pretrain.clip_grad_norm), from(0, 1e6),
     "Largest norm of a gradient; 0 is no limit"},
    {THESPIS_KEY(pretrain.model.hidden_size), from(8, 65536), "Width"},
    {THESPIS_KEY(pretrain.model.layers), from(1, 1024), "Layers"},
    {THESPIS_KEY(pretrain.model.heads), from(1, 1024), "Query heads"},
    {THESPIS_KEY(pretrain.model.kv_heads), from(1, 1024), "Key and value heads; divides heads"},
    {THESPIS_KEY(pretrain.model.head_dim), from(2, 1024), "Width of a head; even"},
    {THESPIS_KEY(pretrain.model.ffn_size), from(8, 1 << 20),
     "Inner width of the feed-forward layer"},
    {THESPIS_KEY(pretrain.model.context_length), from(16, 1 << 20),
     "Tokens a sequence may have; the length of a training row"},
    {THESPIS_KEY(pretrain.corpus.stop_probability), from(0, 1), "Of giving up after a miss"},
    {THESPIS_KEY(pretrain.corpus.patient_share), from(0, 1), "Documents that are more patient"},
    {THESPIS_KEY(pretrain.corpus.patient_stop_probability), from(0, 1),
     "Of giving up after a miss in those"},
    {THESPIS_KEY(pretrain.corpus.error_rate), from(0, 1), "Documents with a wrong step (programs)"},
    {THESPIS_KEY(pretrain.corpus.format_error_rate), from(0, 1), "Documents that break the format"},
    {THESPIS_KEY(pretrain.corpus.thought_tokens_max), from(8, 1 << 20), "Tokens of one thought"},
};

#undef THESPIS_KEY

}  // namespace

std::span<const Key> keys() {
  return kKeys;
}

}  // namespace thespis::config
