#include "model/gguf/gguf_tokenizer.hpp"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "model/hf/json_fields.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

// Types of tokens, by llama.cpp's numbers.
constexpr int32_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;

constexpr const char* kContractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
constexpr const char* kRest = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char* kDeepSeekV3 =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]"
    "+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

/// Whether the pre_tokenizer is GPT-2's: ByteLevel alone, with the pattern that it brings.
bool is_gpt2(const Tokenizer& tokenizer) {
  const auto document = parse_object(tokenizer.json(), "tokenizer.json");
  const auto pre = JsonFields(document, "tokenizer.json").object("pre_tokenizer");
  return pre && pre->text("type") == "ByteLevel" && pre->flag("use_regex").value_or(true) &&
         !pre->flag("add_prefix_space").value_or(true);
}

std::string name_of(const Tokenizer& tokenizer) {
  const std::vector<std::string>& patterns = tokenizer.split_patterns();
  if (patterns.empty() && is_gpt2(tokenizer)) return "gpt-2";
  const std::string first = patterns.empty() ? "" : patterns.front();
  if (patterns.size() == 1 && first == std::string(kContractions) + "\\p{N}" + kRest)
    return "qwen2";
  if (patterns.size() == 1 && first == std::string(kContractions) + "\\p{N}{1,3}" + kRest)
    return "llama-bpe";
  if (patterns.size() == 3 && first == "\\p{N}{1,3}" && patterns[2] == kDeepSeekV3)
    return "deepseek-v3";
  // Its second pattern is a class of a thousand letters.
  if (patterns.size() == 6 && first == "[\r\n]" && patterns[1].starts_with("\\s?[A-Za-z") &&
      patterns[3] == "\\s+$" && patterns[5] == "\\p{N}+")
    return "deepseek-llm";
  return "";
}

}  // namespace

std::string gguf_pre_tokenizer(const Tokenizer& tokenizer, const std::string& place) {
  if (!tokenizer.byte_level())
    throw InputError(place +
                     ": its tokens are not byte-level; llama.cpp reads no others of type BPE");
  const std::string name = name_of(tokenizer);
  if (name.empty())
    throw InputError(place +
                     ": pre_tokenizer has patterns that llama.cpp has no name for; supported: "
                     "qwen2, llama-bpe, deepseek-v3, deepseek-llm, gpt-2");
  return name;
}

void add_gguf_tokenizer(const Tokenizer& tokenizer, const ModelConfig& config,
                        const std::string& place, GgufMetadata& metadata) {
  const std::string pre = gguf_pre_tokenizer(tokenizer, place);
  if (tokenizer.vocab_size() > config.vocab_size)
    throw InputError(place + ": has " + std::to_string(tokenizer.vocab_size()) +
                     " tokens; the model has " + std::to_string(config.vocab_size));
  std::unordered_map<int32_t, bool> added;  // Whether it is special.
  for (const AddedToken& token : tokenizer.added_tokens()) added[token.id] = token.special;
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  for (uint32_t i = 0; i < config.vocab_size; ++i) {
    const auto id = static_cast<int32_t>(i);
    const auto text = tokenizer.token_text(id);
    const auto found = added.find(id);
    tokens.push_back(text ? *text : "[PAD" + std::to_string(i) + "]");
    types.push_back(!text                  ? kUnused
                    : found == added.end() ? kNormal
                    : found->second        ? kControl
                                           : kUserDefined);
  }
  for (const auto& [left, right] : tokenizer.merges())
    merges.push_back(tokens[static_cast<size_t>(left)] + " " + tokens[static_cast<size_t>(right)]);
  metadata.text("tokenizer.ggml.model", "gpt2");
  metadata.text("tokenizer.ggml.pre", pre);
  metadata.texts("tokenizer.ggml.tokens", tokens);
  metadata.counts("tokenizer.ggml.token_type", types);
  metadata.texts("tokenizer.ggml.merges", merges);
  const std::vector<int32_t>& before = tokenizer.tokens_before();
  const int32_t bos = before.empty() ? config.bos_token : before.front();
  if (bos >= 0) metadata.count("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(bos));
  std::vector<int32_t> ends;  // The tokenizer's own first: what its template writes.
  if (const auto eos = tokenizer.eos_token()) ends.push_back(*eos);
  for (const int32_t id : config.eos_tokens)
    if (ends.empty() || ends.front() != id) ends.push_back(id);
  if (!ends.empty()) metadata.count("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(ends[0]));
  if (ends.size() > 1)
    metadata.count("tokenizer.ggml.eot_token_id", static_cast<uint32_t>(ends[1]));
  metadata.flag("tokenizer.ggml.add_bos_token", !before.empty());
  metadata.flag("tokenizer.ggml.add_eos_token", !tokenizer.tokens_after().empty());
}

}  // namespace thespis::model
