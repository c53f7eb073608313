// Goal: each part of a tokenizer.json does what it does in the Hugging Face library:
// pre-tokenizers and their patterns (Oniguruma there, PCRE2 here), added tokens of every kind, the
// post-processor.
// Method: goldens (tests/golden/make_byte_level_goldens.py), and patterns that must be refused.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "model/tokenizer/byte_level.hpp"
#include "model/tokenizer/normalizer.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/regex.hpp"
#include "model/tokenizer/stream_decoder.hpp"
#include "model/tokenizer/utf8.hpp"
#include "runtime/base/error.hpp"
#include "tests/support/goldens.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

std::vector<std::string> pieces_of(const PreTokenizer& pre, std::string_view text) {
  PreTokenizer::Scratch scratch;
  std::vector<std::string> out;
  for (const std::string_view piece : pre.split(text, scratch)) {
    out.emplace_back();
    if (pre.byte_level()) {
      append_byte_level(piece, out.back());
    } else {
      out.back() = piece;
    }
  }
  return out;
}

std::string pattern_error(std::string_view pattern) {
  const auto regex = Regex::compile(pattern);
  return regex ? "(accepted)" : regex.error();
}

}  // namespace

TEST_CASE("pre-tokenizer: the pieces of the Hugging Face library") {
  const json all = test::goldens("byte_level_goldens.json");
  const auto texts = all["texts"].get<std::vector<std::string>>();
  size_t compared = 0;
  for (const json& golden : all["pieces"]) {
    const json document = {{"pre_tokenizer", golden["pre_tokenizer"]}};
    CAPTURE(golden["pre_tokenizer"].dump());
    const PreTokenizer pre = PreTokenizer::read(JsonFields(document, "t.json"));
    for (size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(texts[i]);
      CHECK(pieces_of(pre, texts[i]) == golden["pieces"][i].get<std::vector<std::string>>());
      ++compared;
    }
  }
  CHECK(compared >= 70 * texts.size());
}

TEST_CASE("tokenizer: added tokens of every kind, and BOS, as in the Hugging Face library") {
  size_t compared = 0;
  const json all = test::goldens("byte_level_goldens.json");
  for (const json& golden : all["whole"]) {
    const auto tokenizer = Tokenizer::parse(golden["tokenizer"].dump(), "t.json");
    for (const json& c : golden["cases"]) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(text);
      const auto ids = [&](const char* key) { return c[key].get<std::vector<int32_t>>(); };
      CHECK(tokenizer.encode(text) == ids("ids"));
      CHECK(tokenizer.encode(text, {.parse_special = true, .add_special = true}) ==
            ids("with_special"));
      CHECK(tokenizer.encode(text, {.parse_special = false}) == ids("special_as_text"));
      // The added token "ü" decodes to itself here; there its letter is taken for a byte.
      if (text.find("ü") == text.npos) {
        CHECK(tokenizer.decode(ids("ids"), SpecialTokens::kSkip) ==
              c["skipped"].get<std::string>());
      }
      ++compared;
    }
  }
  CHECK(compared == 33);
}

TEST_CASE("regex: what is not supported is named, with its place") {
  CHECK_THAT(pattern_error("(a)\\1"), ContainsSubstring("has \\1 at byte 3, which is not"));
  CHECK_THAT(pattern_error("(?<n>a)"), ContainsSubstring("has (?< at byte 0"));
  CHECK_THAT(pattern_error("(?x: a)"), ContainsSubstring("(?"));
  CHECK_THAT(pattern_error("(*FAIL)"), ContainsSubstring("(*"));
  CHECK_THAT(pattern_error("a(?i)b"), ContainsSubstring("only where a group begins"));
  CHECK_THAT(pattern_error("[[:alpha:]]"), ContainsSubstring("[: at byte 1"));
  CHECK_THAT(pattern_error("\\X"), ContainsSubstring("\\X"));
  CHECK_THAT(pattern_error("\\Gx"), ContainsSubstring("\\G"));
  CHECK_THAT(pattern_error("a**"), ContainsSubstring("two quantifiers"));
  CHECK_THAT(pattern_error("*a"), ContainsSubstring("repeats nothing"));
  CHECK_THAT(pattern_error("$+"), ContainsSubstring("repeats nothing"));
  CHECK_THAT(pattern_error("a{1,1001}"), ContainsSubstring("more than 1000"));
  CHECK_THAT(pattern_error("(a"), ContainsSubstring("( at byte 0, without its )"));
  CHECK_THAT(pattern_error("a)"), ContainsSubstring("without its ("));
  CHECK_THAT(pattern_error("[a"), ContainsSubstring("without its ]"));
  CHECK_THAT(pattern_error("[b-a]"), ContainsSubstring("no range"));
  CHECK_THAT(pattern_error("[a&&]"), ContainsSubstring("an empty class"));
  CHECK_THAT(pattern_error("\\p{Klingon}"), ContainsSubstring("no pattern that can be used"));
  CHECK_THAT(pattern_error("\\p{a|b}"), ContainsSubstring("\\p{"));
  CHECK_THAT(pattern_error("\\xe9"), ContainsSubstring("\\xe9"));
  CHECK_THAT(pattern_error("\\ud800"), ContainsSubstring("\\ud800"));
  CHECK_THAT(pattern_error("(?<=a+)b"), ContainsSubstring("no pattern that can be used"));
  CHECK_THAT(pattern_error("a\\"), ContainsSubstring("at the end"));
  CHECK_THAT(pattern_error(std::string(51, '(') + std::string(51, ')')), ContainsSubstring("50"));
  CHECK_THAT(pattern_error(std::string(51, '[')), ContainsSubstring("nested deeper than 50"));
  CHECK_THAT(pattern_error(std::string(17 << 10, 'a')), ContainsSubstring("bytes; at most"));
  CHECK_THAT(pattern_error("(((a{1000}){1000}){1000})"), ContainsSubstring("too large"));
}

TEST_CASE("regex: a search that would not end is one InputError") {
  const auto regex = Regex::compile("(?:(?:a|a)+)+[bc]").value();
  RegexScratch scratch;
  CHECK_THROWS_AS(regex.find(std::string(200, 'a'), 0, scratch), InputError);
  CHECK(regex.find("aab", 0, scratch)->end == 3);  // The scratch is as good as new.
  const auto deep = Regex::compile("(?:a|b)*c").value();
  const std::string text(1 << 20, 'a');
  try {  // More than the machine code's stack, whatever comes of it.
    CHECK_FALSE(deep.find(text, 0, scratch).has_value());
  } catch (const InputError&) {
    SUCCEED("refused");
  }
}

TEST_CASE("normalizer: NFC, and text that is NFC already stays where it is") {
  const json document = json::parse(R"({"normalizer": {"type": "NFC"}})");
  const auto normalizer = Normalizer::read(JsonFields(document, "t.json"));
  std::string buffer;
  CHECK(normalizer.apply("e\u0301 \u1100\u1161\u11a8 \u212b", buffer) == "é 각 Å");
  CHECK(normalizer.apply("a\u0323\u0307 \u0958", buffer) == "ạ\u0307 \u0915\u093c");
  CHECK(normalizer.apply(std::string_view("\xcc\x81\0e\xcc\x81", 6), buffer) ==
        std::string_view("\xcc\x81\0é", 5));
  const std::string plain = "Füße naïve";
  CHECK(normalizer.apply(plain, buffer).data() == plain.data());
}

TEST_CASE("utf8: what is no character becomes U+FFFD, a part at a time") {
  const auto lossy = [](std::string_view bytes) {
    std::string out;
    append_utf8_lossy(bytes, false, out);
    return out;
  };
  const std::string r = kReplacement;
  // Unicode 15, section 3.9, table 3-8 and the paragraphs before it.
  CHECK(lossy("a\xf1\x80\x80\xe1\x80\xc2"
              "b\x80"
              "c\x80\xbf"
              "d") == "a" + r + r + r + "b" + r + "c" + r + r + "d");
  CHECK(lossy("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(lossy("\xed\xa0\x80") == r + r + r);
  CHECK(lossy("é\xf0\x9f\x98") == "é" + r);
}

TEST_CASE("byte level: every byte has its character, and back") {
  std::string all, text;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  append_byte_level(all, text);
  CHECK(utf8_valid_prefix(text) == text.size());
  CHECK(from_byte_level(text) == all);
  CHECK(text.starts_with("ĀāĂ"));
  CHECK(from_byte_level("Ġa") == " a");
  for (const char* none : {" ", "日", "\xc3", "ń", "\u00ad"})
    CHECK_FALSE(from_byte_level(none).has_value());
}

TEST_CASE("stream decoder: never half a character, and in sum what decode gives") {
  const json golden = test::goldens("byte_level_goldens.json")["whole"][0];
  const auto tokenizer = Tokenizer::parse(golden["tokenizer"].dump(), "t.json");
  const std::string text = "a日本<|end|>é 😶\u200d🌫️ word";
  const auto ids = tokenizer.encode(text);
  for (const auto special : {SpecialTokens::kKeep, SpecialTokens::kSkip}) {
    StreamDecoder stream(tokenizer, special);
    std::string sum;
    for (const int32_t id : ids) {
      const std::string more = stream.push(id);
      CHECK(utf8_valid_prefix(more) == more.size());
      CHECK(more.find(kReplacement) == more.npos);
      sum += more;
    }
    CHECK(stream.finish().empty());
    CHECK(sum == tokenizer.decode(ids, special));
  }
  StreamDecoder stream(tokenizer);
  for (const int32_t id : tokenizer.encode("日")) stream.push(id);
  CHECK(stream.push(tokenizer.encode("ñ")[0]).empty());
  CHECK(stream.push(tokenizer.encode("a")[0]) == std::string(kReplacement) + "a");
  stream.push(tokenizer.encode("😶")[0]);
  CHECK(stream.finish() == kReplacement);
  CHECK(stream.finish().empty());
}
