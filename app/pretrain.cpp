// `thespis pretrain`: makes the base model of the tiny recipes from random weights and a corpus of
// made-up thoughts. The weights are a function of the recipe alone, whatever the number of threads.

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <numbers>

#include "actors/base/engine.hpp"
#include "actors/training/card_use.hpp"
#include "actors/training/workers.hpp"
#include "app/verbs.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"
#include "runtime/env/clock.hpp"
#include "tasks/countdown/pretrain_corpus.hpp"
#include "tasks/countdown/tiny_tokenizer.hpp"
#include "tasks/programs/program_corpus.hpp"

namespace thespis::app {
namespace {

model::ModelConfig model_config(const config::PretrainModelSection& section,
                                const model::Tokenizer& tokenizer) {
  model::ModelConfig config;
  // Not qwen2: for that type `transformers` 5 puts another pre-tokenizer in our tokenizer's place.
  config.model_type = "llama";
  config.qkv_bias = false;
  config.vocab_size = tokenizer.vocab_size();
  config.hidden_size = section.hidden_size;
  config.layer_count = section.layers;
  config.head_count = section.heads;
  config.kv_head_count = section.kv_heads;
  config.head_dim = section.head_dim;
  config.ffn_size = section.ffn_size;
  config.context_max = section.context_length;
  config.eos_tokens = {tokenizer.token_id(tasks::kEndOfText).value()};
  return config;
}

/// Linear warm-up, then a cosine down to final_lr_ratio.
double learning_rate(const config::PretrainSection& p, uint64_t step, double done) {
  if (step <= p.warmup_steps)
    return p.learning_rate * static_cast<double>(step) / static_cast<double>(p.warmup_steps);
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, done)));
  return p.learning_rate * (p.final_lr_ratio + (1 - p.final_lr_ratio) * cosine);
}

/// What a recipe's kind of task is taught by.
struct Corpus {
  std::string tokenizer_json;
  std::function<tasks::Document(uint64_t index)> document;
};

Corpus corpus_of(const config::Recipe& recipe) {
  const auto& options = recipe.pretrain.corpus;
  if (recipe.data.source == config::DataSource::kPrograms) {
    const tasks::ProgramCorpus corpus(recipe.data.programs, options, recipe.seed);
    return {tasks::program_tokenizer_json(), [corpus](uint64_t index) { return corpus.at(index); }};
  }
  const tasks::PretrainCorpus corpus(recipe.data.countdown, options, recipe.seed);
  return {tasks::tiny_tokenizer_json(), [corpus](uint64_t index) { return corpus.at(index); }};
}

}  // namespace

int run_pretrain(const PretrainArguments& arguments) {
  const auto loaded = config::load(arguments.recipe, arguments.overrides, config::Verb::kPretrain);
  const config::Recipe& recipe = loaded.recipe;
  const config::PretrainSection& p = recipe.pretrain;
  const std::string out = arguments.out.empty() ? recipe.model.path : arguments.out;
  const Corpus corpus = corpus_of(recipe);
  const auto tokenizer = model::Tokenizer::parse(corpus.tokenizer_json, "the tiny tokenizer");

  gpu::ThreadPool threads(thread_count(recipe.engine.threads));
  auto weights = std::make_shared<const model::Weights>(
      model::init_weights(model_config(p.model, tokenizer), recipe.seed));
  std::printf("pretraining %lu parameters on %lu tokens, %u threads, into %s\n",
              static_cast<unsigned long>(weights->layout.parameter_count()),
              static_cast<unsigned long>(p.tokens), threads.thread_count(), out.c_str());
  const auto engine = make_engine(recipe.engine, threads, pretraining_card_uses(recipe));
  const auto trainer =
      engine->make_trainer(std::make_shared<const model::Policy>(weights, 0),
                           {p.beta1, p.beta2, p.epsilon, p.weight_decay, p.clip_grad_norm},
                           pretraining_limits(recipe), ranks_of(recipe.train));
  const env::RealClock clock;
  const auto started = clock.now();
  const uint64_t batch_tokens = uint64_t{p.batch_sequences} * p.model.context_length;
  uint64_t tokens = 0, document = 0;
  while (tokens < p.tokens) {
    std::vector<model::TrainItem> items;
    uint64_t batch = 0, targets = 0;
    while (batch < batch_tokens) {
      const tasks::Document text = corpus.document(document++);
      items.push_back({tokenizer.encode(text.prompt), tokenizer.encode(text.completion), 1});
      batch += items.back().prompt.size() + items.back().completion.size();
      targets += items.back().completion.size();
    }
    const uint64_t step = trainer->step_count() + 1;
    const double done = static_cast<double>(tokens) / static_cast<double>(p.tokens);
    std::vector<double> losses(items.size());
    const float dloss = -1.0f / static_cast<float>(targets);
    const auto stats = trainer->step(
        items,
        [&](const model::ScoredTokens& known, std::span<float> dlogprobs) {
          for (size_t t = 0; t < known.logprobs.size(); ++t) {
            losses[known.item] -= known.logprobs[t];
            dlogprobs[t] = dloss;
          }
        },
        learning_rate(p, step, done));
    tokens += batch;
    constexpr uint64_t kStepsALine = 50;
    if (step % kStepsALine == 0 || tokens >= p.tokens) {
      double loss = 0;
      for (const double l : losses) loss += l;
      const double seconds = env::seconds(clock.now() - started);
      std::printf(
          "step %5lu  %5.1f %%  loss %.4f  grad norm %.3f  %.0f tokens/s\n",
          static_cast<unsigned long>(step),
          100.0 * std::min(1.0, static_cast<double>(tokens) / static_cast<double>(p.tokens)),
          loss / static_cast<double>(targets), stats.grad_norm,
          static_cast<double>(tokens) / seconds);
      std::fflush(stdout);
    }
  }
  model::save_model(out, trainer->policy()->weights(),
                    {{model::kTokenizerFile, corpus.tokenizer_json}});
  std::printf("weights %s\n", model::weights_sha256(trainer->policy()->weights()).c_str());
  return 0;
}

}  // namespace thespis::app
