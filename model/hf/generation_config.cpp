#include "model/hf/generation_config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/hf/json_fields.hpp"
#include "model/hf/token_ids.hpp"

namespace thespis::model {

GenerationConfig generation_from_json(std::string_view text, const std::string& place,
                                      uint32_t vocab_size) {
  constexpr double kTemperatureMax = 1e3;
  const nlohmann::json document = parse_object(text, place);
  const JsonFields fields(document, place);
  GenerationConfig out;
  out.eos_tokens = token_ids(fields, "eos_token_id", vocab_size).value_or(std::vector<int32_t>{});
  const auto temperature = fields.number("temperature", 0, kTemperatureMax);
  const auto top_p = fields.number("top_p", 0, 1);
  const auto top_k = fields.count("top_k", 0, UINT32_MAX);
  if (!fields.flag("do_sample").value_or(false)) return out;
  out.temperature = temperature;
  out.top_p = top_p;
  out.top_k = top_k;
  return out;
}

void add_eos_tokens(ModelConfig& config, const std::vector<int32_t>& eos_tokens) {
  for (const int32_t id : eos_tokens)
    if (std::find(config.eos_tokens.begin(), config.eos_tokens.end(), id) ==
        config.eos_tokens.end())
      config.eos_tokens.push_back(id);
}

}  // namespace thespis::model
