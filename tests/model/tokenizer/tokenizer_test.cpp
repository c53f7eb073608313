// Goal: TK-1 and TK-2 (tokenizer.hpp), the ids of the Hugging Face library, and one clear
// InputError for every file that is not what we read.
// Method: goldens (tests/golden/make_tokenizer_goldens.py), cases by hand, random text, a file cut
// at every length and randomly mutated.

#include "model/tokenizer/tokenizer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"
#include "tests/model/files.hpp"
#include "tests/support/goldens.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

json small_document() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 5, "content": "<e>", "single_word": false, "lstrip": false, "rstrip": false,
       "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null,
    "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
              "byte_fallback": false, "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3, "é": 4},
              "merges": [["a", "b"]]}})");
}

Tokenizer parse(const json& document) {
  return Tokenizer::parse(document.dump(), "t.json");
}

std::string refusal(const json& document) {
  try {
    parse(document);
  } catch (const InputError& e) {
    return e.what();
  }
  return "(accepted)";
}

std::string encode_refusal(const Tokenizer& tokenizer, std::string_view text) {
  try {
    tokenizer.encode(text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "(accepted)";
}

}  // namespace

TEST_CASE("tokenizer: ids and text of the Hugging Face library") {
  size_t compared = 0;
  for (const json& golden : test::goldens("tokenizer_goldens.json")) {
    const Tokenizer tokenizer = parse(golden["tokenizer"]);
    for (const json& c : golden["cases"]) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(text);
      const auto ids = tokenizer.encode(text);
      CHECK(ids == c["ids"].get<std::vector<int32_t>>());
      CHECK(tokenizer.decode(ids) == c["decoded"].get<std::string>());
      CHECK(tokenizer.decode(ids, SpecialTokens::kSkip) == c["skipped"].get<std::string>());
      CHECK(tokenizer.decode(ids) == text);
      ++compared;
    }
  }
  CHECK(compared == 2 * 184);
}

TEST_CASE("tokenizer: merges go by rank, then from the left") {
  json document = small_document();
  document["model"]["vocab"] = {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"bc", 4}, {"aa", 5}};
  document["model"]["merges"] = json::parse(R"([["b", "c"], ["a", "b"], ["a", "a"]])");
  document["added_tokens"] = json::array();
  const Tokenizer tokenizer = parse(document);
  CHECK(tokenizer.encode("abc") == std::vector<int32_t>{0, 4});  // bc has the lower rank.
  CHECK(tokenizer.encode("aaa") == std::vector<int32_t>{5, 0});  // Leftmost pair first.
  CHECK(tokenizer.encode("aab") == std::vector<int32_t>{0, 3});
  document["model"]["merges"] = json::parse(R"(["b c", "a b", "a a"])");  // As older files have it.
  CHECK(parse(document).encode("abc") == std::vector<int32_t>{0, 4});
}

TEST_CASE("tokenizer: what it says about its tokens") {
  const Tokenizer tokenizer = parse(small_document());
  CHECK(tokenizer.vocab_size() == 6);
  CHECK(tokenizer.token_id("ab") == 2);
  CHECK(tokenizer.token_id("<e>") == 5);
  CHECK_FALSE(tokenizer.token_id("ba").has_value());
  CHECK(tokenizer.token_text(4) == "é");
  CHECK_FALSE(tokenizer.token_text(6).has_value());
  CHECK_FALSE(tokenizer.token_text(-1).has_value());
  CHECK(tokenizer.is_special(5));
  CHECK_FALSE(tokenizer.is_special(0));
  CHECK_FALSE(tokenizer.is_special(99));
  CHECK_FALSE(tokenizer.eos_token().has_value());
}

TEST_CASE("tokenizer: an id without a token is seen in the text") {
  const Tokenizer tokenizer = parse(small_document());
  CHECK(tokenizer.decode(std::vector<int32_t>{0, 6, -1, 1 << 30, 1}) ==
        "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
        "b");
}

TEST_CASE("tokenizer: a character without a token is named, never dropped") {
  const Tokenizer tokenizer = parse(small_document());
  CHECK_THAT(encode_refusal(tokenizer, "ab<e>aéç"),
             ContainsSubstring("\"ç\" (U+00E7) at byte 8") && ContainsSubstring("t.json"));
  CHECK_THAT(encode_refusal(tokenizer, "a\n"), ContainsSubstring("character U+000A at byte 1"));
  CHECK_THAT(encode_refusal(tokenizer, "😀"), ContainsSubstring("(U+1F600)"));
  CHECK_THAT(encode_refusal(tokenizer, std::string_view("a\0", 2)), ContainsSubstring("U+0000"));
}

TEST_CASE("tokenizer: text that is not UTF-8 is refused at its first bad byte") {
  const Tokenizer tokenizer = parse(small_document());
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98"})
    CHECK_THAT(encode_refusal(tokenizer, std::string("ab") + bad),
               ContainsSubstring("not valid UTF-8, at byte 2"));
}

TEST_CASE("tokenizer: random text of the alphabet comes back") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kData, 10);
  for (const json& golden : test::goldens("tokenizer_goldens.json")) {
    const Tokenizer tokenizer = parse(golden["tokenizer"]);
    std::vector<std::string> pieces;
    for (const auto& [text, id] : golden["tokenizer"]["model"]["vocab"].items())
      pieces.push_back(text);
    for (const auto& token : golden["tokenizer"]["added_tokens"]) {
      const auto content = token["content"].get<std::string>();
      for (size_t length = 1; length <= content.size(); ++length)  // Also beginnings of them.
        if ((content[0] & 0x80) == 0) pieces.push_back(content.substr(0, length));
    }
    for (int round = 0; round < 2000; ++round) {
      std::string text;
      for (uint32_t n = random.below(40); n > 0; --n)
        text += pieces[random.below(static_cast<uint32_t>(pieces.size()))];
      CAPTURE(text);
      REQUIRE(tokenizer.decode(tokenizer.encode(text)) == text);
    }
  }
}

TEST_CASE("tokenizer: unsupported parts are refused by name") {
  const auto with = [](const std::string& pointer, json value) {
    json document = small_document();
    document[json::json_pointer(pointer)] = std::move(value);
    return refusal(document);
  };
  CHECK_THAT(with("/pre_tokenizer", {{"type", "Metaspace"}}),
             ContainsSubstring("t.json: pre_tokenizer of type \"Metaspace\" is not supported; "
                               "supported: null, Split, ByteLevel"));
  const auto sequence = [](const char* list, const char* type) {
    return json{{"type", "Sequence"}, {list, {{{"type", type}}}}};
  };
  CHECK_THAT(with("/pre_tokenizer", sequence("pretokenizers", "BertPreTokenizer")),
             ContainsSubstring("pre_tokenizer.pretokenizers[0] of type \"BertPreTokenizer\""));
  CHECK_THAT(with("/normalizer", {{"type", "Lowercase"}}),
             ContainsSubstring("normalizer of type \"Lowercase\" is not supported; supported: "
                               "null, NFC, Sequence"));
  CHECK_THAT(with("/normalizer", sequence("normalizers", "StripAccents")),
             ContainsSubstring("normalizer.normalizers[0] of type \"StripAccents\""));
  CHECK_THAT(with("/post_processor", {{"type", "BertProcessing"}}),
             ContainsSubstring("post_processor of type \"BertProcessing\""));
  CHECK_THAT(with("/pre_tokenizer", {{"type", "ByteLevel"}}),
             ContainsSubstring("decoder of type \"Fuse\" is not supported"));
  CHECK_THAT(with("/truncation", {{"max_length", 5}}), ContainsSubstring("truncation"));
  CHECK_THAT(with("/padding", {{"length", 5}}), ContainsSubstring("padding"));
  CHECK_THAT(with("/decoder", nullptr), ContainsSubstring("decoder is missing"));
  CHECK_THAT(with("/decoder/type", "ByteLevel"),
             ContainsSubstring("decoder of type \"ByteLevel\" is not supported"));
  CHECK_THAT(with("/decoder/type", "WordPiece"), ContainsSubstring("decoder of type \"WordPiece"));
  CHECK_THAT(with("/model/type", "Unigram"), ContainsSubstring("model.type \"Unigram\""));
  CHECK_THAT(with("/model/dropout", 0.1), ContainsSubstring("model.dropout"));
  CHECK_THAT(with("/model/unk_token", "a"), ContainsSubstring("model.unk_token"));
  CHECK_THAT(with("/model/byte_fallback", true), ContainsSubstring("model.byte_fallback"));
  CHECK_THAT(with("/model/end_of_word_suffix", "</w>"), ContainsSubstring("end_of_word_suffix"));
  CHECK_THAT(with("/model/continuing_subword_prefix", "##"), ContainsSubstring("subword_prefix"));
}

TEST_CASE("tokenizer: contradictions in the file are named") {
  const auto with = [](const std::string& pointer, json value) {
    json document = small_document();
    document[json::json_pointer(pointer)] = std::move(value);
    return refusal(document);
  };
  CHECK_THAT(with("/model/vocab/b", 0), ContainsSubstring("gives the id 0 to two tokens"));
  CHECK_THAT(with("/model/vocab/b", -1), ContainsSubstring("the id -1"));
  CHECK_THAT(with("/model/vocab/b", 1u << 30), ContainsSubstring("the id 1073741824"));
  CHECK_THAT(with("/model/vocab/b", 1.5), ContainsSubstring("the id 1.5"));
  CHECK_THAT(with("/model/vocab", json::array()), ContainsSubstring("model.vocab"));
  CHECK_THAT(with("/model/merges", 3), ContainsSubstring("model.merges must be a list"));
  CHECK_THAT(with("/model/merges/0", json{"a", "a"}), ContainsSubstring("joins \"a\" and \"a\""));
  CHECK_THAT(with("/model/merges/0", "ab"), ContainsSubstring("entry 0 is not a pair"));
  CHECK_THAT(with("/added_tokens/0/id", 2), ContainsSubstring("already that of \"ab\""));
  CHECK_THAT(with("/added_tokens/0/content", "ab"), ContainsSubstring("is not the id of \"ab\""));
  CHECK_THAT(with("/added_tokens/0/content", ""), ContainsSubstring("added_tokens[0].content"));
  CHECK_THAT(with("/added_tokens/0", 7), ContainsSubstring("added_tokens[0] is not an object"));
  CHECK_THAT(with("/added_tokens", 7), ContainsSubstring("added_tokens must be a list"));
  CHECK_THAT(with("/model", nullptr), ContainsSubstring("model is missing"));
}

TEST_CASE("tokenizer: the eos token comes from the file beside it") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  test::write_file(dir / "tokenizer.json", small_document().dump());
  CHECK_FALSE(Tokenizer::load(dir).eos_token().has_value());
  test::write_file(dir / "tokenizer_config.json", R"({"eos_token": "<e>"})");
  CHECK(Tokenizer::load(dir).eos_token() == 5);
  CHECK(Tokenizer::load(dir / "tokenizer.json").eos_token() == 5);
  test::write_file(dir / "tokenizer_config.json",
                   R"({"eos_token": {"content": "ab", "lstrip": false}})");
  CHECK(Tokenizer::load(dir).eos_token() == 2);
  test::write_file(dir / "tokenizer_config.json", R"({"eos_token": null})");
  CHECK_FALSE(Tokenizer::load(dir).eos_token().has_value());
  for (const char* bad : {R"({"eos_token": "<missing>"})", R"({"eos_token": 5})",
                          R"({"eos_token": {}})", "[]", "", "{"}) {
    test::write_file(dir / "tokenizer_config.json", bad);
    CHECK_THROWS_AS(Tokenizer::load(dir), InputError);
  }
}

TEST_CASE("tokenizer: a file that is not there, or is a directory") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  CHECK_THROWS_AS(Tokenizer::load(dir), InputError);
  CHECK_THROWS_AS(Tokenizer::load(dir / "none.json"), InputError);
  std::filesystem::create_directory(dir / "tokenizer.json");
  CHECK_THROWS_AS(Tokenizer::load(dir), InputError);
}

TEST_CASE("tokenizer: a file cut short at any length is one InputError") {
  const std::string text = small_document().dump();
  for (size_t length = 0; length < text.size(); ++length) {
    CAPTURE(length);
    CHECK_THROWS_AS(Tokenizer::parse(text.substr(0, length), "t.json"), InputError);
  }
  CHECK_NOTHROW(Tokenizer::parse(text, "t.json"));
}

TEST_CASE("tokenizer: random mutations give InputErrors and nothing else", "[fuzz]") {
  CAPTURE(test::seed());
  test::Mutations mutations(11, {small_document().dump()}, test::json_pieces());
  int refused = 0, accepted = 0;
  mutations.run("tokenizer.json", 6000, [&](const std::string& mutated) {
    CAPTURE(mutated);
    try {
      const Tokenizer tokenizer = Tokenizer::parse(mutated, "t.json");
      ++accepted;  // Then it must also work, or refuse the text.
      try {
        const auto ids = tokenizer.encode("abab <e>a");
        REQUIRE(tokenizer.decode(ids) == "abab <e>a");
      } catch (const InputError& e) {
        REQUIRE(std::string_view(e.what()).starts_with("text has the character"));
      }
    } catch (const InputError& e) {
      ++refused;
      REQUIRE(std::string_view(e.what()).starts_with("t.json: "));
    }
  });
  CHECK((refused > 0 && accepted > 0));
}

TEST_CASE("tokenizer: nesting deeper than any stack is refused") {
  const std::string deep(1 << 20, '[');
  CHECK_THROWS_AS(Tokenizer::parse(deep, "t.json"), InputError);
  const std::string closed = deep + std::string(deep.size(), ']');
  CHECK_THROWS_AS(Tokenizer::parse(closed, "t.json"), InputError);
  CHECK_THROWS_AS(Tokenizer::parse("{\"decoder\":" + closed + "}", "t.json"), InputError);
}
