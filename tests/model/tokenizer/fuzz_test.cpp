// Goal: whatever a tokenizer.json, a pattern or a text says, there is a result that holds what the
// headers promise, or one clear InputError; never a crash, nor a search without end.
// Method: mutations of small tokenizers, of real ones cut down where ../shared/data is there, of
// published patterns, and of texts (random UTF-8 and broken bytes).

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "model/tokenizer/byte_level.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/stream_decoder.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "model/tokenizer/utf8.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/zstd.hpp"
#include "tests/support/goldens.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path kTokenizers = THESPIS_SOURCE_DIR "/../shared/data/tokenizers";

/// The tokenizer with its first merges and the tokens that these need.
json cut_down(json document, size_t merges_max) {
  json& model = document["model"];
  json merges = json::array(), vocab = json::object();
  for (const auto& [text, id] : model["vocab"].items())
    if (const auto bytes = from_byte_level(text); bytes && bytes->size() == 1) vocab[text] = id;
  for (const json& merge : model["merges"]) {
    if (merges.size() == merges_max) break;
    const auto text = merge.get<std::string>();
    const size_t space = text.find(' ');
    const std::string left = text.substr(0, space), right = text.substr(space + 1);
    if (!vocab.contains(left) || !vocab.contains(right)) continue;
    vocab[left + right] = model["vocab"][left + right];
    merges.push_back(merge);
  }
  model["vocab"] = vocab;
  model["merges"] = merges;
  if (document["added_tokens"].size() > 20)
    document["added_tokens"].erase(document["added_tokens"].begin() + 20,
                                   document["added_tokens"].end());
  return document;
}

/// Small tokenizers, and real ones where they are.
std::vector<json> documents() {
  std::vector<json> out;
  const json all = test::goldens("byte_level_goldens.json");
  for (const json& golden : all["whole"]) out.push_back(golden["tokenizer"]);
  for (const json& golden : all["pieces"]) {
    if (golden["pre_tokenizer"].dump().find("ByteLevel") == std::string::npos) continue;
    json document = all["whole"][0]["tokenizer"];
    document["pre_tokenizer"] = golden["pre_tokenizer"];
    out.push_back(document);
  }
  for (const char* name : {"qwen2.5", "llama3", "deepseek_v3", "deepseek-llm", "gpt-2"}) {
    const fs::path file = kTokenizers / (std::string(name) + ".tokenizer.json.zst");
    if (fs::exists(file))
      out.push_back(cut_down(json::parse(read_packed_file(file, 64 << 20)), 60));
  }
  return out;
}

std::vector<std::string> patterns() {
  std::vector<std::string> out;
  const json all = test::goldens("byte_level_goldens.json");
  for (const json& golden : all["pieces"]) {
    const json& pre = golden["pre_tokenizer"];
    for (const json& step : pre.contains("pretokenizers") ? pre["pretokenizers"] : json{pre})
      if (step.contains("pattern") && step["pattern"].contains("Regex"))
        out.push_back(step["pattern"]["Regex"].get<std::string>());
  }
  return out;
}

std::vector<std::string> texts() {
  const json all = test::goldens("byte_level_goldens.json");
  auto out = all["texts"].get<std::vector<std::string>>();
  for (const json& c : all["whole"][0]["cases"]) out.push_back(c["text"].get<std::string>());
  out.emplace_back(300, 'a');
  out.emplace_back(300, ' ');
  return out;
}

/// What holds for all ids of a tokenizer: text that is UTF-8, the same as a stream.
std::string check_decode(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  std::string text;
  for (const auto special : {SpecialTokens::kSkip, SpecialTokens::kKeep}) {
    text = tokenizer.decode(ids, special);
    REQUIRE(utf8_valid_prefix(text) == text.size());
    StreamDecoder stream(tokenizer, special);
    std::string sum;
    for (const int32_t id : ids) {
      const std::string more = stream.push(id);
      REQUIRE(utf8_valid_prefix(more) == more.size());
      sum += more;
    }
    REQUIRE(sum + stream.finish() == text);
  }
  return text;
}

std::vector<std::string> regex_pieces() {
  return {"(?:",  "(?=",  "(?!",  "(?<=",     "(?<!",     "(?>",       "(?i)", "(?i:", ")",
          "|",    "[",    "[^",   "]",        "&&",       "-",         "*",    "+",    "?",
          "{2}",  "{,3}", "{1,}", "{0,1000}", "\\",       "\\s",       "\\S",  "\\w",  "\\W",
          "\\d",  "\\b",  "\\B",  "\\p{L}",   "\\P{Han}", "\\h",       "\\R",  "\\1",  "\\x{",
          "\\u0", ".",    "^",    "$",        "\\p{",     "[:alpha:]", "é",    "日",   "\\A",
          "\\z",  "\\G",  "+?",   "++",       "*+",       "(*",        "(?#"};
}

}  // namespace

TEST_CASE("tokenizer fuzz: a mutated tokenizer.json works or is one InputError", "[fuzz]") {
  CAPTURE(test::seed());
  std::vector<std::string> corpus;
  for (const json& document : documents()) corpus.push_back(document.dump());
  auto pieces = test::json_pieces();
  for (const char* piece : {"\"Sequence\"",
                            "\"ByteLevel\"",
                            "\"Split\"",
                            "\"Digits\"",
                            "\"NFC\"",
                            "\"Fuse\"",
                            "\"BPE\"",
                            "\"Removed\"",
                            "\"Regex\"",
                            "\"String\"",
                            "\"lstrip\":true",
                            "\"id\":3",
                            "\"A\"",
                            "Ġ",
                            " ",
                            "\"type\":",
                            "\"pretokenizers\":[",
                            "\"ignore_merges\":true",
                            "1048575",
                            "\\\\p{L}"})
    pieces.emplace_back(piece);
  test::Mutations mutations(21, corpus, pieces);
  const auto all_texts = texts();
  int refused = 0, accepted = 0;
  mutations.run("tokenizer.json", 1500, [&](const std::string& mutated) {
    CAPTURE(mutated);
    try {
      const auto tokenizer = Tokenizer::parse(mutated, "t.json");
      ++accepted;
      for (const std::string& text : all_texts) try {
          const auto ids = tokenizer.encode(text, {.parse_special = true, .add_special = true});
          for (const int32_t id : ids) REQUIRE(tokenizer.token_text(id).has_value());
          REQUIRE(ids == tokenizer.encode(text, {.parse_special = true, .add_special = true}));
          check_decode(tokenizer, ids);
        } catch (const InputError& e) {
          REQUIRE(std::string_view(e.what()).starts_with("text "));
        }
    } catch (const InputError& e) {
      ++refused;
      REQUIRE(std::string_view(e.what()).starts_with("t.json: "));
      REQUIRE(std::string_view(e.what()).find('\n') == std::string_view::npos);
    }
  });
  CHECK((refused > 0 && accepted > 0));
}

TEST_CASE("tokenizer fuzz: a mutated pattern cuts text and loses none, or is refused", "[fuzz]") {
  CAPTURE(test::seed());
  test::Mutations mutations(22, patterns(), regex_pieces());
  const auto all_texts = texts();
  int refused = 0, accepted = 0, unbounded = 0;
  mutations.run("patterns", 3000, [&](const std::string& pattern) {
    if (utf8_valid_prefix(pattern) < pattern.size()) return;  // No JSON has such a string.
    CAPTURE(pattern);
    const json step = {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
    const json document = {{"pre_tokenizer", step}};
    try {
      const auto pre = PreTokenizer::read(JsonFields(document, "t.json"));
      ++accepted;
      PreTokenizer::Scratch scratch;
      for (const std::string& text : all_texts) try {
          std::string sum;
          for (const std::string_view piece : pre.split(text, scratch)) {
            REQUIRE(!piece.empty());
            REQUIRE(utf8_valid_prefix(piece) == piece.size());
            sum += piece;
          }
          REQUIRE(sum == text);
        } catch (const InputError& e) {
          ++unbounded;
          REQUIRE(std::string_view(e.what()).starts_with("text of "));
        }
    } catch (const InputError& e) {
      ++refused;
      REQUIRE(std::string_view(e.what()).starts_with("t.json: pre_tokenizer.pattern.Regex "));
    }
  });
  CHECK((refused > 0 && accepted > 0));
}

TEST_CASE("tokenizer fuzz: mutated text comes back, or its first bad byte is named", "[fuzz]") {
  CAPTURE(test::seed());
  std::vector<Tokenizer> tokenizers;
  for (const json& document : documents())
    if (document.dump().find("Removed") == std::string::npos)
      tokenizers.push_back(Tokenizer::parse(document.dump(), "t.json"));
  std::vector<std::string> pieces = {"\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80",  "\xf0\x9f\x98",
                                     "<|",   "|>",   "<|end|>",  "<|endoftext|>", "'s",
                                     "\r\n", "  ",   "\u0301",   "\u3000",        "日",
                                     "😶",    "ü",    "12345",    "\u200d",        "\u1161"};
  test::Mutations mutations(23, texts(), pieces);
  int broken = 0, whole = 0;
  size_t turn = 0;
  mutations.run("texts", 6000, [&](const std::string& text) {
    CAPTURE(text);
    const Tokenizer& tokenizer = tokenizers[turn++ % tokenizers.size()];
    CAPTURE(tokenizer.json());
    try {
      const auto ids = tokenizer.encode(text, {.parse_special = false});
      ++whole;
      REQUIRE(utf8_valid_prefix(text) == text.size());
      const std::string back = check_decode(tokenizer, ids);
      const auto tokens = tokenizer.encode(text);
      check_decode(tokenizer, tokens);
      const bool exact = tokenizer.json().find("\"NFC\"") == std::string::npos &&
                         tokenizer.json().find("add_prefix_space\":true") == std::string::npos;
      const auto strips = [&](int32_t id) {
        return std::ranges::any_of(tokenizer.added_tokens(), [&](const AddedToken& t) {
          return t.id == id && (t.lstrip || t.rstrip);
        });
      };
      if (exact && std::ranges::none_of(ids, strips)) REQUIRE(back == text);
      if (exact && std::ranges::none_of(tokens, strips)) REQUIRE(tokenizer.decode(tokens) == text);
    } catch (const InputError& e) {
      const std::string_view what = e.what();
      if (what.starts_with("text has the"))
        return;  // A byte that the small ones have no token for.
      ++broken;
      const std::string first = std::to_string(utf8_valid_prefix(text));
      REQUIRE(what == "text is not valid UTF-8, at byte " + first);
    }
    std::vector<int32_t> any;  // Ids that no text may give.
    for (const char c : text) any.push_back(static_cast<uint8_t>(c) * 3 - 5);
    check_decode(tokenizer, any);
  });
  CHECK((broken > 0 && whole > 0));
}
