#include "runtime/config/check.hpp"

#include <string_view>

#include <fmt/format.h>

#include "runtime/base/error.hpp"

namespace thespis::config {
namespace {

/// "recipe.toml:3: train.x = 7", by the provenance of `key`, or of `other` where `key` is a
/// default.
template <class T>
std::string assignment(const Loaded& loaded, std::string_view key, const T& value,
                       std::string_view other) {
  auto from = loaded.provenance.find(key);
  if (from == loaded.provenance.end()) from = loaded.provenance.find(other);
  return fmt::format("{}: {} = {}", from == loaded.provenance.end() ? "recipe" : from->second, key,
                     value);
}

template <class T>
void at_most(const Loaded& loaded, std::string_view key, T value, std::string_view limit_key,
             T limit) {
  if (value <= limit) return;
  throw InputError(fmt::format("{}: must be at most {} = {}",
                               assignment(loaded, key, value, limit_key), limit_key, limit));
}

}  // namespace

void check_together(const Loaded& loaded) {
  const Recipe& r = loaded.recipe;
  const auto& countdown = r.data.countdown;
  at_most(loaded, "data.countdown.number_min", countdown.number_min, "data.countdown.number_max",
          countdown.number_max);
  at_most(loaded, "data.countdown.target_min", countdown.target_min, "data.countdown.target_max",
          countdown.target_max);
  at_most(loaded, "data.programs.operations_min", r.data.programs.operations_min,
          "data.programs.operations_max", r.data.programs.operations_max);
  at_most(loaded, "train.overlong_buffer", r.train.overlong_buffer, "rollout.max_response_length",
          r.rollout.max_response_length);
  at_most(loaded, "cluster.heartbeat_interval_s", r.cluster.heartbeat_interval_s,
          "cluster.heartbeat_deadline_s", r.cluster.heartbeat_deadline_s);
  if (r.train.steps > 0)
    at_most(loaded, "train.warmup_steps", r.train.warmup_steps, "train.steps", r.train.steps);
  at_most(loaded, "train.local_ranks", r.train.local_ranks, "train.ranks", r.train.ranks);
  if (r.train.zero == 2)
    throw InputError(assignment(loaded, "train.zero", r.train.zero, "") +
                     ": must be 1 (optimizer state shared) or 3 (weights too)");
  if (r.data.source != DataSource::kJsonl)
    at_most(loaded, "eval.prompts", r.eval.prompts, "data.held_out", r.data.held_out);
  if (r.data.source == DataSource::kJsonl && r.data.train_files.empty())
    throw InputError(assignment(loaded, "data.source", "\"jsonl\"", "") +
                     ": needs data.train_files, a list of at least one file");
  const auto& model = r.pretrain.model;
  if (model.heads % model.kv_heads != 0)
    throw InputError(fmt::format(
        "{}: must divide pretrain.model.heads = {}",
        assignment(loaded, "pretrain.model.kv_heads", model.kv_heads, "pretrain.model.heads"),
        model.heads));
  if (model.head_dim % 2 != 0)
    throw InputError(assignment(loaded, "pretrain.model.head_dim", model.head_dim, "") +
                     ": must be even, for rotary positions");
}

}  // namespace thespis::config
