#include "model/tokenizer/tokenizer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/hf/hf_directory.hpp"
#include "model/hf/json_fields.hpp"
#include "model/tokenizer/added_tokens.hpp"
#include "model/tokenizer/bpe.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"

namespace thespis::model {
namespace {

constexpr uint64_t kTokenizerBytesMax = 64 << 20;  // The largest published ones have 33 MB.
constexpr uint64_t kTokenizerConfigBytesMax = 4 << 20;
constexpr size_t kAddedTokenBytesMax = 1024;
constexpr const char* kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// `key` must be absent or null, for what it stands for is not supported.
void refuse_part(const JsonFields& fields, const char* key) {
  const auto* part = fields.find(key);
  if (part == nullptr) return;
  const auto type = part->is_object() ? part->find("type") : part->end();
  const std::string name = type != part->end() ? " " + brief(*type) : "";
  fields.refuse(key, "of type" + name + " is not supported; supported: null");
}

void check_parts(const JsonFields& fields) {
  for (const char* key : {"truncation", "padding", "normalizer", "pre_tokenizer", "post_processor"})
    refuse_part(fields, key);
  // Without a decoder, other programs put a space between tokens: it must say that they just join.
  const auto decoder = fields.object("decoder");
  if (!decoder) fields.refuse("decoder", "is missing; supported: {\"type\": \"Fuse\"}");
  const std::string type = decoder->text("type").value_or("(none)");
  if (type != "Fuse")
    decoder->refuse("type", "\"" + type + "\" is not supported; supported: \"Fuse\"");
}

/// The character at `position` for a message: "é" (U+00E9).
std::string character_text(std::string_view text, size_t position) {
  const size_t length = utf8_length(text, position);
  const auto bits = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  uint32_t code = length == 1 ? bits(0) : bits(0) & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (bits(i) & 0x3fu);
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return fmt::format("U+{:04X}", code);
  return fmt::format("\"{}\" (U+{:04X})", text.substr(position, length), code);
}

/// "eos_token" of a tokenizer_config.json: its text, or an object with "content".
std::optional<std::string> read_eos(const JsonFields& fields) {
  const auto* value = fields.find("eos_token");
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) return fields.text("eos_token");
  const auto content = fields.object("eos_token")->text("content");
  if (!content) fields.refuse("eos_token", "has no content");
  return content;
}

}  // namespace

struct Tokenizer::Tables {
  struct Token {
    std::string text;
    bool exists = false;
    bool special = false;
  };
  std::string json;
  std::string place;
  Bpe bpe;
  std::vector<Token> tokens;                     // By id; ids may leave holes.
  std::unordered_map<std::string, int32_t> ids;  // Of the vocabulary and the added tokens.
  // As Hugging Face does: tokens that match raw text cut first, those for normalised text the rest.
  AddedTokens added_raw, added_normalized;
  std::optional<int32_t> eos;

  void put(const std::string& text, int32_t id) {
    const auto index = static_cast<size_t>(id);
    if (index >= tokens.size()) tokens.resize(index + 1);
    tokens[index] = {text, true, false};
    ids[text] = id;
  }

  void read_added(const JsonFields& fields) {
    const auto* list = fields.find("added_tokens");
    if (list == nullptr) return;
    if (!list->is_array()) fields.refuse("added_tokens", "must be a list");
    size_t index = 0;
    for (const auto& value : *list) {
      const std::string prefix = "added_tokens[" + std::to_string(index++) + "]";
      if (!value.is_object()) throw InputError(place + ": " + prefix + " is not an object");
      read_added_token(JsonFields(value, place, prefix + "."));
    }
  }

  void read_added_token(const JsonFields& fields) {
    const auto text = fields.text("content");
    if (!text || text->empty() || text->size() > kAddedTokenBytesMax)
      fields.refuse("content",
                    "must be a string of 1 to " + std::to_string(kAddedTokenBytesMax) + " bytes");
    const auto id = static_cast<int32_t>(fields.require_count("id", 0, kTokenIdsMax - 1));
    for (const char* key : {"single_word", "lstrip", "rstrip"})
      if (fields.flag(key).value_or(false))
        fields.refuse(key, "true is not supported; supported: false");
    const auto known = ids.find(*text);
    if (known != ids.end() && known->second != id)
      fields.refuse("id", std::to_string(id) + " is not the id of " + brief(*text) +
                              " elsewhere, " + std::to_string(known->second));
    const auto place_of_id = static_cast<size_t>(id);
    if (known == ids.end() && place_of_id < tokens.size() && tokens[place_of_id].exists)
      fields.refuse("id",
                    std::to_string(id) + " is already that of " + brief(tokens[place_of_id].text));
    put(*text, id);
    tokens[place_of_id].special = fields.flag("special").value_or(false);
    (fields.flag("normalized").value_or(false) ? added_normalized : added_raw).add(*text, id);
  }
};

Tokenizer Tokenizer::parse(std::string_view tokenizer_json, const std::string& place) {
  const nlohmann::json document = parse_object(tokenizer_json, place);
  const JsonFields fields(document, place);
  check_parts(fields);
  const auto model = fields.object("model");
  if (!model) fields.refuse("model", "is missing");
  auto tables = std::make_shared<Tables>();
  tables->json = tokenizer_json;
  tables->place = place;
  tables->bpe = Bpe::read(*model);
  for (const auto& [text, id] : tables->bpe.vocabulary()) tables->put(text, id);
  tables->read_added(fields);
  if (tables->tokens.empty()) throw InputError(place + ": has no tokens");
  return Tokenizer(std::move(tables));
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  std::error_code ignored;  // What is wrong with the path, opening it says.
  const bool is_directory = std::filesystem::is_directory(path, ignored);
  const auto file = is_directory ? path / kTokenizerFile : path;
  const Tokenizer tokenizer = parse(read_file(file, kTokenizerBytesMax), file.string());
  const auto config_file = file.parent_path() / kTokenizerConfigFile;
  if (!std::filesystem::exists(config_file, ignored)) return tokenizer;

  const std::string place = config_file.string();
  const auto document = parse_object(read_file(config_file, kTokenizerConfigBytesMax), place);
  const JsonFields fields(document, place);
  const auto eos = read_eos(fields);
  if (!eos) return tokenizer;
  auto tables = std::make_shared<Tables>(*tokenizer.tables_);
  tables->eos = tokenizer.token_id(*eos);
  if (!tables->eos) fields.refuse("eos_token", brief(*eos) + " is not a token of " + file.string());
  return Tokenizer(std::move(tables));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  for (size_t position = 0; position < text.size();) {
    const size_t length = utf8_length(text, position);
    if (length == 0)
      throw InputError("text is not valid UTF-8, at byte " + std::to_string(position));
    position += length;
  }
  std::vector<int32_t> out;
  const auto on_token = [&out](int32_t id) { out.push_back(id); };
  const auto on_plain = [&](std::string_view piece) {
    const size_t done = tables_->bpe.encode(piece, out);
    if (done == piece.size()) return;
    const auto position = static_cast<size_t>(piece.data() - text.data()) + done;
    throw InputError("text has the character " + character_text(text, position) + " at byte " +
                     std::to_string(position) + ", for which " + tables_->place + " has no token");
  };
  const auto on_text = [&](std::string_view piece) {
    tables_->added_normalized.split(piece, on_plain, on_token);
  };
  tables_->added_raw.split(text, on_text, on_token);
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, SpecialTokens special) const {
  std::string text;
  for (const int32_t id : ids) {
    if (special == SpecialTokens::kSkip && is_special(id)) continue;
    const auto index = static_cast<size_t>(id);
    const bool known = id >= 0 && index < tables_->tokens.size() && tables_->tokens[index].exists;
    text += known ? std::string_view(tables_->tokens[index].text) : kReplacement;
  }
  return text;
}

std::optional<int32_t> Tokenizer::token_id(std::string_view text) const {
  const auto found = tables_->ids.find(std::string(text));
  if (found == tables_->ids.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> Tokenizer::token_text(int32_t id) const {
  const auto index = static_cast<size_t>(id);
  if (id < 0 || index >= tables_->tokens.size() || !tables_->tokens[index].exists)
    return std::nullopt;
  return tables_->tokens[index].text;
}

bool Tokenizer::is_special(int32_t id) const {
  const auto index = static_cast<size_t>(id);
  return id >= 0 && index < tables_->tokens.size() && tables_->tokens[index].special;
}

uint32_t Tokenizer::vocab_size() const {
  return static_cast<uint32_t>(tables_->tokens.size());
}

std::optional<int32_t> Tokenizer::eos_token() const {
  return tables_->eos;
}

const std::string& Tokenizer::json() const {
  return tables_->json;
}

}  // namespace thespis::model
