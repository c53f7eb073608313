// ./thespis init-model: a directory in the Hub's layout with random weights: for trying things at a
// model's real size, or with a small one of the same kind.

#include <cstdio>
#include <memory>

#include "app/verbs.hpp"
#include "model/hf/hf_config.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/hf/known_models.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"

namespace thespis::app {
namespace {

constexpr uint64_t kConfigBytesMax = 1 << 20;

model::ModelConfig wanted_config(const InitModelArguments& a) {
  if (a.like.empty() == a.config.empty())
    throw InputError("init-model takes one of --like and --config");
  model::ModelConfig config =
      a.config.empty() ? model::known_model(a.like)
                       : model::config_from_json(read_file(a.config, kConfigBytesMax), a.config);
  const auto set = [](uint32_t& value, const std::optional<uint32_t>& wanted) {
    if (wanted) value = *wanted;
  };
  set(config.layer_count, a.layers);
  set(config.hidden_size, a.hidden);
  set(config.head_count, a.heads);
  set(config.kv_head_count, a.kv_heads);
  set(config.head_dim, a.head_dim);
  set(config.ffn_size, a.ffn);
  set(config.vocab_size, a.vocab);
  set(config.context_max, a.context);
  for (int32_t& id : config.eos_tokens)
    if (static_cast<uint32_t>(id) >= config.vocab_size) id = 0;
  if (config.bos_token >= static_cast<int32_t>(config.vocab_size)) config.bos_token = -1;
  model::require_runnable(config, "the model to be made");
  model::check_config(config, "the model to be made");
  return config;
}

}  // namespace

int run_init_model(const InitModelArguments& arguments) {
  model::ModelConfig config = wanted_config(arguments);
  model::CompanionFiles companions;
  if (!arguments.tokenizer.empty()) {
    const auto tokenizer = model::Tokenizer::load(arguments.tokenizer);
    companions.emplace_back(model::kTokenizerFile, tokenizer.json());
    if (const auto eos = tokenizer.eos_token()) config.eos_tokens = {*eos};
  }
  const model::WeightLayout layout = model::WeightLayout::of(config);
  std::vector<model::TensorToWrite> tensors;
  for (size_t t = 0; t < layout.tensors.size(); ++t) {
    const model::TensorSpec& spec = layout.tensors[t];
    tensors.push_back({spec.name, spec.shape(),
                       [init = model::TensorInit(config, spec, t, arguments.seed)](
                           std::span<float> next) mutable { init.fill(next); }});
  }
  const auto dtype = arguments.dtype == "f16"    ? model::Dtype::kF16
                     : arguments.dtype == "bf16" ? model::Dtype::kBF16
                                                 : model::Dtype::kF32;
  model::save_directory(arguments.out, config, companions, std::move(tensors),
                        {.dtype = dtype, .shard_bytes_max = arguments.shard_bytes_max});
  std::printf("%s: %s, %lu parameters\n", arguments.out.c_str(), config.model_type.c_str(),
              static_cast<unsigned long>(layout.parameter_count()));
  return 0;
}

}  // namespace thespis::app
