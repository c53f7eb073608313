// ./thespis generate: text that a model writes after a prompt, as it is written.

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "actors/base/engine.hpp"
#include "actors/training/workers.hpp"
#include "app/verbs.hpp"
#include "model/chat/model_template.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/tokenizer/stream_decoder.hpp"
#include "runtime/base/error.hpp"

namespace thespis::app {
namespace {

/// What the user said, else what the model's makers recommend, else the whole distribution.
model::SequenceRequest request_for(const GenerateArguments& arguments,
                                   const model::GenerationConfig& recommended) {
  model::SequenceRequest request;
  request.temperature =
      static_cast<float>(arguments.temperature.value_or(recommended.temperature.value_or(1.0)));
  request.cut.top_p = static_cast<float>(arguments.top_p.value_or(recommended.top_p.value_or(1.0)));
  request.cut.top_k = arguments.top_k.value_or(recommended.top_k.value_or(0));
  request.cut.min_p = static_cast<float>(arguments.min_p);
  request.random_seed = arguments.seed;
  return request;
}

/// The prompt as a user's message in the model's chat template. Its date is the template's own: the
/// same command gives the same text on every day.
std::string chat_text(const std::string& dir, const std::string& prompt) {
  const nlohmann::json messages = {{{"role", "user"}, {"content", prompt}}};
  return model::chat::ModelTemplate::load(dir).prompt(messages.dump(), std::nullopt);
}

/// Prints the sequence's text as it grows, without what ends it.
void stream(Decoder& decoder, model::SequenceRequest request, const model::Tokenizer& tokenizer) {
  const std::vector<int32_t> stops = request.stop_tokens;
  model::StreamDecoder text(tokenizer, model::SpecialTokens::kSkip);
  const auto say = [](const std::string& part) {
    std::fwrite(part.data(), 1, part.size(), stdout);
    std::fflush(stdout);
  };
  const uint64_t id = request.id;
  size_t said = 0;
  const auto say_new = [&](const std::vector<int32_t>& tokens) {
    for (; said < tokens.size(); ++said)
      if (std::find(stops.begin(), stops.end(), tokens[said]) == stops.end())
        say(text.push(tokens[said]));
  };
  decoder.add(std::move(request));
  for (;;) {
    const auto finished = decoder.step();
    say_new(finished.empty() ? decoder.tokens_of(id) : finished.front().tokens);
    if (!finished.empty()) break;
  }
  say(text.finish() + "\n");
}

}  // namespace

int run_generate(const GenerateArguments& arguments) {
  const std::string& dir = arguments.model;
  const auto tokenizer = model::Tokenizer::load(dir);
  auto weights = std::make_shared<const model::Weights>(model::load_weights(dir));
  const model::ModelConfig& config = weights->config;
  if (tokenizer.vocab_size() > config.vocab_size)
    throw InputError(dir + ": the tokenizer has " + std::to_string(tokenizer.vocab_size()) +
                     " tokens, the model only " + std::to_string(config.vocab_size));
  auto request = request_for(arguments, model::load_generation_config(dir, config.vocab_size));
  // A chat template writes its special tokens itself.
  const std::string text = arguments.chat ? chat_text(dir, arguments.prompt) : arguments.prompt;
  request.prompt = tokenizer.encode(text, {.parse_special = true, .add_special = !arguments.chat});
  if (request.prompt.empty() && config.bos_token >= 0) request.prompt.push_back(config.bos_token);
  if (request.prompt.size() >= config.context_max)
    throw InputError("--prompt has " + std::to_string(request.prompt.size()) +
                     " tokens; the model's context is " + std::to_string(config.context_max));
  request.stop_tokens = model::stop_tokens(config, tokenizer);
  if (!arguments.stop.empty())
    request.stop_strings = std::make_shared<const model::StopStrings>(arguments.stop, tokenizer);
  const auto room = static_cast<uint32_t>(config.context_max - request.prompt.size());
  request.max_tokens = std::min(arguments.max_tokens, room);
  gpu::ThreadPool threads(thread_count(arguments.threads));
  const auto context =
      std::max<uint32_t>(2, static_cast<uint32_t>(request.prompt.size()) + request.max_tokens);
  config::EngineSection section;
  section.device = arguments.device;
  model::CardUse use;
  use.decoders = 1;
  use.decoder = {.slots = 1, .context_max = context};
  const auto engine = make_engine(section, threads, CardUses::one(section, use));
  const auto decoder = engine->make_decoder(
      std::make_shared<const model::Policy>(std::move(weights), 0), use.decoder);
  stream(*decoder, std::move(request), tokenizer);
  return 0;
}

}  // namespace thespis::app
