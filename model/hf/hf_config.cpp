#include "model/hf/hf_config.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/hf/deepseek_config.hpp"
#include "model/hf/hf_rope.hpp"
#include "model/hf/json_fields.hpp"
#include "model/hf/token_ids.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

// Matrices have two rows and columns at least, so that a layout's one-row tensors are its vectors.
constexpr uint32_t kMatrixSideMin = 2;
constexpr const char* kSupported = "qwen2, qwen3, llama";

/// What distinguishes the families that this engine computes, and transformers' class defaults.
struct Family {
  const char* model_type;
  const char* architecture;
  bool qkv_bias;
  bool qk_norm;
  uint32_t context_default;
  int32_t bos_default;
  std::vector<int32_t> eos_default;
};

const Family kFamilies[] = {
    {"qwen2", "Qwen2ForCausalLM", true, false, 32768, -1, {}},
    {"qwen3", "Qwen3ForCausalLM", false, true, 32768, -1, {}},
    {"llama", "LlamaForCausalLM", false, false, 2048, 1, {2}},
};

const Family* find_family(const std::string& model_type) {
  for (const Family& family : kFamilies)
    if (model_type == family.model_type) return &family;
  return nullptr;
}

const Family& require_family(const std::string& model_type, const std::string& place) {
  const Family* family = find_family(model_type);
  if (family == nullptr)
    throw InputError(place + ": model_type \"" + model_type +
                     "\" is not supported; supported: " + kSupported);
  return *family;
}

/// Whether some layer attends within a window: as in transformers, layer_types decides where it is
/// given, else layers from max_window_layers on slide if use_sliding_window is set (Qwen).
void refuse_sliding_window(const JsonFields& fields, uint32_t layers) {
  if (const auto* types = fields.find("layer_types")) {
    if (!types->is_array()) fields.refuse("layer_types", "must be a list");
    for (const auto& type : *types)
      if (type != "full_attention")
        fields.refuse("layer_types", "has " + brief(type) +
                                         ", which is not supported; supported: \"full_attention\"");
    return;
  }
  constexpr uint32_t kQwenWindowLayers = 28;
  const uint32_t first =
      fields.count("max_window_layers", 0, UINT32_MAX).value_or(kQwenWindowLayers);
  if (fields.flag("use_sliding_window").value_or(false) && fields.has("sliding_window") &&
      first < layers)
    fields.refuse("use_sliding_window", "is true: sliding-window attention is not supported");
}

void refuse_unsupported(const JsonFields& fields) {
  const std::string activation = fields.text("hidden_act").value_or("silu");
  if (activation != "silu")
    fields.refuse("hidden_act", "\"" + activation + "\" is not supported; supported: \"silu\"");
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (fields.flag(key).value_or(false)) fields.refuse(key, "true is not supported");
  if (fields.has("quantization_config"))
    fields.refuse("quantization_config", "is set: quantised weights are not supported");
  if (fields.number("partial_rotary_factor", 0, 1).value_or(1) != 1)
    fields.refuse("partial_rotary_factor", "other than 1 is not supported");
}

/// The double whose shortest text is the float's: 1e-06, not 9.99999997e-07.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  THESPIS_ASSERT(end.ec == std::errc());
  double result = 0;
  const auto parsed = std::from_chars(text, end.ptr, result);
  THESPIS_ASSERT(parsed.ec == std::errc());
  return result;
}

}  // namespace

ModelConfig config_from_json(std::string_view text, const std::string& place) {
  const nlohmann::json document = parse_object(text, place);
  const JsonFields fields(document, place);
  ModelConfig c;
  const auto model_type = fields.text("model_type");
  if (is_native_deepseek(fields)) return read_native_deepseek(fields);
  if (!model_type) fields.refuse("model_type", std::string("is missing; supported: ") + kSupported);
  if (is_deepseek(*model_type)) return read_deepseek(fields, *model_type);
  c.model_type = *model_type;
  const Family& family = require_family(c.model_type, place);
  refuse_unsupported(fields);

  c.vocab_size = fields.require_count("vocab_size", kMatrixSideMin, kVocabMax);
  c.hidden_size = fields.require_count("hidden_size", kMatrixSideMin, kHiddenMax);
  c.layer_count = fields.require_count("num_hidden_layers", 1, kLayersMax);
  c.head_count = fields.require_count("num_attention_heads", 1, kHeadsMax);
  c.ffn_size = fields.require_count("intermediate_size", kMatrixSideMin, kFfnMax);
  c.kv_head_count = fields.count("num_key_value_heads", 1, kHeadsMax).value_or(c.head_count);
  const auto head_dim = fields.count("head_dim", 2, kHeadDimMax);
  if (!head_dim && c.hidden_size % c.head_count != 0)
    fields.refuse("hidden_size", std::to_string(c.hidden_size) +
                                     " is not a multiple of num_attention_heads " +
                                     std::to_string(c.head_count) + ", and head_dim is missing");
  c.head_dim = head_dim.value_or(c.hidden_size / c.head_count);
  c.context_max =
      fields.count("max_position_embeddings", 1, kContextMax).value_or(family.context_default);
  c.rms_norm_eps = static_cast<float>(fields.number("rms_norm_eps", 1e-12, 1).value_or(1e-6));
  read_rope(fields, c);
  refuse_sliding_window(fields, c.layer_count);
  c.tied_embeddings = fields.flag("tie_word_embeddings").value_or(false);
  c.qkv_bias = family.qkv_bias;
  c.qk_norm = family.qk_norm;
  c.bos_token = first_token_id(fields, "bos_token_id", c.vocab_size).value_or(family.bos_default);
  c.eos_tokens = token_ids(fields, "eos_token_id", c.vocab_size).value_or(family.eos_default);
  check_config(c, place);
  return c;
}

std::string config_to_json(const ModelConfig& c, Dtype dtype) {
  require_runnable(c, "model to be saved");
  check_config(c, "model to be saved");
  const Family& family = require_family(c.model_type, "model to be saved");
  nlohmann::ordered_json out;
  out["architectures"] = {family.architecture};
  out["model_type"] = c.model_type;
  out["vocab_size"] = c.vocab_size;
  out["hidden_size"] = c.hidden_size;
  out["intermediate_size"] = c.ffn_size;
  out["num_hidden_layers"] = c.layer_count;
  out["num_attention_heads"] = c.head_count;
  out["num_key_value_heads"] = c.kv_head_count;
  out["head_dim"] = c.head_dim;
  out["max_position_embeddings"] = c.context_max;
  out["hidden_act"] = "silu";
  out["rms_norm_eps"] = shortest(c.rms_norm_eps);
  write_rope(c, out);
  if (!c.qkv_bias) out["attention_bias"] = false;
  out["attention_dropout"] = 0.0;
  if (c.model_type != "llama") out["use_sliding_window"] = false;
  out["tie_word_embeddings"] = c.tied_embeddings;
  out["bos_token_id"] = nullptr;
  if (c.bos_token >= 0) out["bos_token_id"] = c.bos_token;
  out["eos_token_id"] = nullptr;
  if (c.eos_tokens.size() == 1) out["eos_token_id"] = c.eos_tokens.front();
  if (c.eos_tokens.size() > 1) out["eos_token_id"] = c.eos_tokens;
  out["initializer_range"] = 0.02;
  out["use_cache"] = true;
  constexpr const char* kDtypes[] = {"float32", "float16", "bfloat16"};
  out["torch_dtype"] = kDtypes[static_cast<size_t>(dtype)];
  return out.dump(2) + "\n";
}

void check_config(const ModelConfig& c, const std::string& place) {
  const auto refuse = [&place](const std::string& what) { throw InputError(place + ": " + what); };
  const auto check_range = [&](const char* key, uint32_t value, uint32_t min, uint32_t max) {
    if (value < min || value > max)
      refuse(std::string(key) + " must be from " + std::to_string(min) + " to " +
             std::to_string(max) + ", not " + std::to_string(value));
  };
  const Family& family = require_family(c.model_type, place);
  check_range("vocab_size", c.vocab_size, kMatrixSideMin, kVocabMax);
  check_range("hidden_size", c.hidden_size, kMatrixSideMin, kHiddenMax);
  check_range("num_hidden_layers", c.layer_count, 1, kLayersMax);
  check_range("num_attention_heads", c.head_count, 1, kHeadsMax);
  check_range("num_key_value_heads", c.kv_head_count, 1, kHeadsMax);
  check_range("head_dim", c.head_dim, 2, kHeadDimMax);
  check_range("intermediate_size", c.ffn_size, kMatrixSideMin, kFfnMax);
  check_range("max_position_embeddings", c.context_max, 1, kContextMax);
  if (c.head_count % c.kv_head_count != 0)
    refuse("num_attention_heads " + std::to_string(c.head_count) +
           " is not a multiple of num_key_value_heads " + std::to_string(c.kv_head_count));
  if (c.head_dim % 2 != 0)
    refuse("head_dim " + std::to_string(c.head_dim) + " is odd; rope turns pairs");
  if (c.qkv_bias != family.qkv_bias || c.qk_norm != family.qk_norm)
    refuse("model_type \"" + c.model_type + "\" fixes its QKV bias and QK norm otherwise");
  check_rope(c, place);
}

}  // namespace thespis::model
