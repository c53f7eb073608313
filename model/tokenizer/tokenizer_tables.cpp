#include "model/tokenizer/tokenizer_tables.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model/tokenizer/parts.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

/// Truncation and padding are settings of a use, not of the tokenizer; other programs would apply
/// them to every text.
void refuse_settings(const JsonFields& document) {
  for (const char* key : {"truncation", "padding"})
    if (document.has(key)) document.refuse(key, "is not supported; supported: null");
}

/// The decoder must undo what was done to text, and nothing else.
void check_decoder(const JsonFields& document, bool byte_level) {
  // Without a decoder, other programs put a space between tokens: it must say that they just join.
  const char* kSupported = byte_level ? "ByteLevel, Fuse after it, Sequence"
                                      : "Fuse, Sequence (and ByteLevel with a ByteLevel "
                                        "pre_tokenizer)";
  const auto steps = read_steps(document, "decoder", "decoders");
  if (steps.empty())
    document.refuse("decoder", std::string("is missing; supported: ") + kSupported);
  bool bytes = byte_level;  // What is still to be undone.
  for (const Step& step : steps) {
    if (step.type == "ByteLevel" && bytes) {
      bytes = false;
    } else if (step.type != "Fuse" || bytes) {
      refuse_step(document, step, kSupported);
    }
  }
}

}  // namespace

void Tokenizer::Tables::read(std::string_view document_json, const std::string& document_place) {
  const nlohmann::json parsed = parse_object(document_json, document_place);
  const JsonFields document(parsed, document_place);
  refuse_settings(document);
  normalizer = Normalizer::read(document);
  pre_tokenizer = PreTokenizer::read(document);
  patterns = pre_tokenizer.patterns();
  check_decoder(document, pre_tokenizer.byte_level());
  const auto model = document.object("model");
  if (!model) document.refuse("model", "is missing");
  json = document_json;
  place = document_place;
  bpe = Bpe::read(*model, pre_tokenizer.byte_level());
  read_added(document);
  ids = std::max(bpe.vocabulary().size(), added_texts.size());
  if (ids == 0) throw InputError(place + ": has no tokens");
  special.resize(ids);
  post_processor = PostProcessor::read(document, [this](int32_t id) { return has(id); });
}

void Tokenizer::Tables::read_added(const JsonFields& document) {
  const auto* list = document.find("added_tokens");
  if (list == nullptr) return;
  if (!list->is_array()) document.refuse("added_tokens", "must be a list");
  if (list->size() > kAddedTokensMax)
    document.refuse("added_tokens", "must be at most " + std::to_string(kAddedTokensMax));
  size_t index = 0;
  for (const auto& value : *list) {
    const std::string path = "added_tokens[" + std::to_string(index++) + "]";
    if (!value.is_object()) document.refuse(path.c_str(), "is not an object");
    read_added_token(document.at(value, path + "."));
  }
}

void Tokenizer::Tables::read_added_token(const JsonFields& fields) {
  AddedToken token;
  token.text = fields.text("content").value_or("");
  if (token.text.empty() || token.text.size() > kAddedTokenBytesMax)
    fields.refuse("content",
                  "must be a string of 1 to " + std::to_string(kAddedTokenBytesMax) + " bytes");
  token.id = static_cast<int32_t>(fields.require_count("id", 0, kTokenIdsMax - 1));
  token.special = fields.flag("special").value_or(false);
  token.normalized = fields.flag("normalized").value_or(!token.special);
  token.single_word = fields.flag("single_word").value_or(false);
  token.lstrip = fields.flag("lstrip").value_or(false);
  token.rstrip = fields.flag("rstrip").value_or(false);
  const int32_t known = find(token.text);
  if (known >= 0 && known != token.id)
    fields.refuse("id", std::to_string(token.id) + " is not the id of " + brief(token.text) +
                            " elsewhere, " + std::to_string(known));
  if (known < 0 && has(token.id))
    fields.refuse("id", std::to_string(token.id) + " is already that of " +
                            brief(std::string(text(token.id))));
  if (!added_texts.has(token.id)) added_texts.add(token.text, token.id);
  const auto index = static_cast<size_t>(token.id);
  if (special.size() <= index) special.resize(index + 1);
  special[index] = token.special;
  std::string buffer;
  if (token.normalized) {
    normalized.add(token, normalizer.apply(token.text, buffer));
  } else {
    raw.add(token, token.text);
  }
  added.push_back(std::move(token));
}

int32_t Tokenizer::Tables::find(std::string_view wanted) const {
  const int32_t id = added_texts.find(wanted);
  return id >= 0 ? id : bpe.vocabulary().find(wanted);
}

std::string_view Tokenizer::Tables::text(int32_t id) const {
  return added_texts.has(id) ? added_texts.text(id) : bpe.vocabulary().text(id);
}

}  // namespace thespis::model
