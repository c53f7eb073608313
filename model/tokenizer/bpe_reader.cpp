// Reads a tokenizer.json's "model" into tables.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "model/tokenizer/bpe.hpp"
#include "model/tokenizer/byte_level.hpp"

namespace thespis::model {
namespace {

/// Both halves of a merge: ["a", "b"], or "a b" as older files have it.
std::optional<std::pair<std::string_view, std::string_view>> read_pair(
    const nlohmann::json& value) {
  const auto text = [](const nlohmann::json& v) {
    return std::string_view(v.get_ref<const std::string&>());
  };
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string())
    return std::pair(text(value[0]), text(value[1]));
  if (!value.is_string()) return std::nullopt;
  const std::string_view both = text(value);
  const size_t space = both.find(' ');
  if (space == both.npos || both.find(' ', space + 1) != both.npos) return std::nullopt;
  return std::pair(both.substr(0, space), both.substr(space + 1));
}

/// Old files name no type; what has a vocabulary and merges is BPE.
void check_type(const JsonFields& model) {
  const auto type = model.text("type");
  if (!type && model.has("vocab") && model.has("merges")) return;
  if (type.value_or("(none)") != "BPE")
    model.refuse("type", brief(type.value_or("(none)")) + " is not supported; supported: \"BPE\"");
}

}  // namespace

Bpe Bpe::read(const JsonFields& model, bool byte_level) {
  check_type(model);
  Bpe bpe;
  bpe.byte_level_ = byte_level;
  bpe.ignore_merges_ = model.flag("ignore_merges").value_or(false);
  bpe.read_vocabulary(model);
  bpe.refuse_options(model);
  bpe.read_merges(model);
  return bpe;
}

void Bpe::refuse_options(const JsonFields& model) const {
  if (model.number("dropout", 0, 1).value_or(0) != 0)
    model.refuse("dropout", "is not supported; supported: null");
  const bool complete =
      byte_level_ && std::ranges::all_of(byte_ids_, [](int32_t id) { return id >= 0; });
  if (model.has("unk_token") && !complete)
    model.refuse("unk_token",
                 "is supported only where it is never used, with a token for each byte; else null");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model.text(key).value_or("").empty())
      model.refuse(key, "is not supported; supported: null");
  if (model.flag("byte_fallback").value_or(false))
    model.refuse("byte_fallback", "true is not supported; supported: false");
}

void Bpe::read_vocabulary(const JsonFields& model) {
  const auto vocab = model.object("vocab");
  if (!vocab) model.refuse("vocab", "is missing");
  const nlohmann::json& entries = vocab->value();
  vocabulary_.reserve(entries.size());
  if (byte_level_) bytes_.reserve(entries.size());
  for (const auto& [text, id] : entries.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kTokenIdsMax)
      model.refuse("vocab", fmt::format("gives token {} the id {}; ids are whole numbers below {}",
                                        brief(text), brief(id), kTokenIdsMax));
    const auto index = id.get<int32_t>();
    if (vocabulary_.has(index))
      model.refuse("vocab", fmt::format("gives the id {} to two tokens, one of them {}", brief(id),
                                        brief(text)));
    vocabulary_.add(text, index);
    if (!byte_level_) continue;
    if (const auto bytes = from_byte_level(text)) bytes_.add(*bytes, index);
  }
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const char c = static_cast<char>(byte);
    byte_ids_[byte] = bytes_.find({&c, 1});
  }
  whole_ = std::make_unique<std::atomic<Whole>[]>(vocabulary_.size());
}

void Bpe::read_merges(const JsonFields& model) {
  const auto* merges = model.find("merges");
  if (merges == nullptr || !merges->is_array()) model.refuse("merges", "must be a list");
  merges_.reserve(merges->size());
  size_t rank = 0;
  std::string joined;
  for (const auto& value : *merges) {
    const auto pair = read_pair(value);
    if (!pair)
      model.refuse("merges",
                   fmt::format("entry {} is not a pair of tokens but {}", rank, brief(value)));
    joined.assign(pair->first).append(pair->second);
    const int32_t left = vocabulary_.find(pair->first), right = vocabulary_.find(pair->second);
    const int32_t whole = vocabulary_.find(joined);
    if (left < 0 || right < 0 || whole < 0)
      model.refuse("merges", fmt::format("entry {} joins {} and {}; the two and their whole must "
                                         "be in vocab",
                                         rank, brief(std::string(pair->first)),
                                         brief(std::string(pair->second))));
    merges_.add(left, right, whole);
    ++rank;
  }
}

}  // namespace thespis::model
