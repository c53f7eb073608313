#include "model/tokenizer/tokenizer.hpp"

#include <fmt/format.h>

#include <functional>

#include "model/hf/hf_directory.hpp"
#include "model/hf/json_fields.hpp"
#include "model/tokenizer/tokenizer_tables.hpp"
#include "model/tokenizer/utf8.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/zstd.hpp"

#include <nlohmann/json.hpp>

namespace thespis::model {
namespace {

constexpr uint64_t kTokenizerBytesMax = 64 << 20;  // The largest published ones have 33 MB.
constexpr uint64_t kTokenizerConfigBytesMax = 4 << 20;

/// The character at `position` for a message: "é" (U+00E9).
std::string character_text(std::string_view text, size_t position) {
  const size_t length = utf8_length(text, position);
  if (length == 0) return fmt::format("byte 0x{:02x}", static_cast<uint8_t>(text[position]));
  const uint32_t code = utf8_code_point(text.substr(position));
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return fmt::format("character U+{:04X}", code);
  return fmt::format("character \"{}\" (U+{:04X})", text.substr(position, length), code);
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

Tokenizer Tokenizer::parse(std::string_view tokenizer_json, const std::string& place) {
  auto tables = std::make_shared<Tables>();
  tables->read(tokenizer_json, place);
  return Tokenizer(std::move(tables));
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  std::error_code ignored;  // What is wrong with the path, opening it says.
  const bool is_directory = std::filesystem::is_directory(path, ignored);
  const auto file = is_directory ? path / kTokenizerFile : path;
  auto tables = std::make_shared<Tables>();
  tables->read(read_packed_file(file, kTokenizerBytesMax), file.string());
  const auto config_file = file.parent_path() / kTokenizerConfigFile;
  if (std::filesystem::exists(config_file, ignored)) {
    const std::string place = config_file.string();
    const auto document = parse_object(read_file(config_file, kTokenizerConfigBytesMax), place);
    const JsonFields fields(document, place);
    if (const auto eos = read_eos(fields)) {
      tables->eos = tables->find(*eos);
      if (*tables->eos < 0)
        fields.refuse("eos_token", brief(*eos) + " is not a token of " + file.string());
    }
  }
  return Tokenizer(std::move(tables));
}

/// One text on its way to ids.
class Tokenizer::Encoding {
 public:
  Encoding(const Tables& tables, std::string_view text, bool parse_special)
      : tables_(tables), text_(text), parse_special_(parse_special) {}

  void run(std::vector<int32_t>& out) {
    tables_.raw.find(text_, parse_special_, raw_cuts_);
    between(text_, raw_cuts_, out, [&](std::string_view part) {
      const std::string_view normal = tables_.normalizer.apply(part, buffer_);
      tables_.normalized.find(normal, parse_special_, cuts_);
      between(normal, cuts_, out, [&](std::string_view plain) { encode_plain(plain, out); });
    });
  }

 private:
  /// Appends the ids of `cuts`, and calls body(stretch) for the text between them, in order.
  template <class Body>
  static void between(std::string_view text, const std::vector<AddedTokens::Cut>& cuts,
                      std::vector<int32_t>& out, const Body& body) {
    size_t done = 0;
    for (const AddedTokens::Cut& cut : cuts) {
      if (cut.begin > done) body(text.substr(done, cut.begin - done));
      out.push_back(cut.id);
      done = cut.end;
    }
    if (done < text.size()) body(text.substr(done));
  }

  void encode_plain(std::string_view plain, std::vector<int32_t>& out) {
    for (const std::string_view piece : tables_.pre_tokenizer.split(plain, scratch_)) {
      const size_t done = tables_.bpe.encode(piece, out);
      if (done < piece.size()) refuse(piece, done);
    }
  }

  [[noreturn]] void refuse(std::string_view piece, size_t position) const {
    const std::less<const char*> before;
    const bool own = !before(piece.data(), text_.data()) &&
                     !before(text_.data() + text_.size(), piece.data() + piece.size());
    const std::string where =
        own ? fmt::format(" at byte {}", piece.data() - text_.data() + position) : "";
    throw InputError(fmt::format("text has the {}{}, for which {} has no token",
                                 character_text(piece, position), where, tables_.place));
  }

  const Tables& tables_;
  std::string_view text_;
  bool parse_special_;
  std::string buffer_;
  std::vector<AddedTokens::Cut> raw_cuts_, cuts_;
  PreTokenizer::Scratch scratch_;
};

std::vector<int32_t> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (const size_t valid = utf8_valid_prefix(text); valid < text.size())
    throw InputError("text is not valid UTF-8, at byte " + std::to_string(valid));
  std::vector<int32_t> out;
  if (options.add_special) out = tokens_before();
  Encoding(*tables_, text, options.parse_special).run(out);
  if (options.add_special) out.insert(out.end(), tokens_after().begin(), tokens_after().end());
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, SpecialTokens special) const {
  std::string bytes, text;
  for (const int32_t id : ids)
    if (special != SpecialTokens::kSkip || !is_special(id)) bytes += token_bytes(id);
  append_utf8_lossy(bytes, false, text);
  return text;
}

std::optional<int32_t> Tokenizer::token_id(std::string_view text) const {
  const int32_t id = tables_->find(text);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

std::optional<std::string> Tokenizer::token_text(int32_t id) const {
  if (!tables_->has(id)) return std::nullopt;
  return std::string(tables_->text(id));
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  if (tables_->added_texts.has(id)) return tables_->added_texts.text(id);
  if (!tables_->bpe.vocabulary().has(id)) return kReplacement;
  return tables_->bpe.bytes(id);
}

bool Tokenizer::is_special(int32_t id) const {
  const auto index = static_cast<size_t>(id);
  return id >= 0 && index < tables_->special.size() && tables_->special[index];
}

uint32_t Tokenizer::vocab_size() const {
  return static_cast<uint32_t>(tables_->ids);
}

std::optional<int32_t> Tokenizer::eos_token() const {
  return tables_->eos;
}

const std::string& Tokenizer::json() const {
  return tables_->json;
}

bool Tokenizer::byte_level() const {
  return tables_->pre_tokenizer.byte_level();
}

const std::vector<std::pair<int32_t, int32_t>>& Tokenizer::merges() const {
  return tables_->bpe.merges();
}

const std::vector<AddedToken>& Tokenizer::added_tokens() const {
  return tables_->added;
}

const std::vector<std::string>& Tokenizer::split_patterns() const {
  return tables_->patterns;
}

const std::vector<int32_t>& Tokenizer::tokens_before() const {
  return tables_->post_processor.before();
}

const std::vector<int32_t>& Tokenizer::tokens_after() const {
  return tables_->post_processor.after();
}

}  // namespace thespis::model
