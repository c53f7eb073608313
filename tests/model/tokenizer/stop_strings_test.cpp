// Goal: a stop text is found with the token that completes it, wherever tokens cut it, and nowhere
// else. Method: by hand over a byte-level alphabet; random texts of few letters, where overlaps and
// false starts abound, against a search of the whole text so far.

#include "model/tokenizer/stop_strings.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "model/tokenizer/byte_level.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

/// Token 0 ... 255 is that byte, then come these, then the special token "<|end|>".
Tokenizer tokenizer_of(const std::vector<std::string>& longer) {
  nlohmann::json vocab = nlohmann::json::object(), merges = nlohmann::json::array();
  const auto add = [&](const std::string& bytes) {
    std::string text;
    append_byte_level(bytes, text);
    const size_t id = vocab.size();
    vocab[text] = id;
  };
  for (int byte = 0; byte < 256; ++byte) add(std::string(1, static_cast<char>(byte)));
  for (const std::string& bytes : longer) add(bytes);
  const nlohmann::json document = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"added_tokens", {{{"id", vocab.size()}, {"content", "<|end|>"}, {"special", true}}}}};
  return Tokenizer::parse(document.dump(), "a test's tokenizer");
}

/// How many tokens it takes until one of the texts is complete; none: one more than there are.
size_t tokens_until_stop(const StopStrings& stops, const std::vector<int32_t>& tokens) {
  StopStrings::State state = 0;
  for (size_t i = 0; i < tokens.size(); ++i)
    if ((state = stops.next(state, tokens[i])) == StopStrings::kFound) return i + 1;
  return tokens.size() + 1;
}

}  // namespace

TEST_CASE("stop strings: found across tokens, within a token, and in special tokens") {
  const Tokenizer tokenizer = tokenizer_of({"</answer>\n", "</an", "swer", "\xe2\x82"});
  const StopStrings stops(std::vector<std::string>{"</answer>", "<|end|>", "€"}, tokenizer);
  CHECK(tokens_until_stop(stops, {'a', 256, 'b'}) == 2);
  CHECK(tokens_until_stop(stops, {257, 258, '>', 'b'}) == 3);
  CHECK(tokens_until_stop(stops, {'<', 257, 258, '>'}) == 4);
  CHECK(tokens_until_stop(stops, {257, 257, 's', 'w', 'e', 'r', '>'}) == 7);
  CHECK(tokens_until_stop(stops, {'x', 260, 'y'}) == 2);
  CHECK(tokens_until_stop(stops, {259, 0xac}) == 2);  // A character in two pieces.
  CHECK(tokens_until_stop(stops, {259, 'x', 0xac}) == 4);
  CHECK(tokens_until_stop(stops, {257, 'x', 258, '>'}) == 5);
  CHECK(stops.next(StopStrings::kFound, 'a') == StopStrings::kFound);
}

TEST_CASE("stop strings: the same as a search of the text, over random ones") {
  CAPTURE(test::seed());
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 70);
  const auto word = [&](uint32_t length_max) {
    std::string text;
    for (uint32_t n = 1 + random.below(length_max); n > 0; --n)
      text += static_cast<char>('a' + random.below(2));
    return text;
  };
  size_t found = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<std::string> longer, texts;
    for (int i = 0; i < 6; ++i) longer.push_back(word(5) + std::string(1, static_cast<char>(i)));
    for (std::string& bytes : longer) bytes.pop_back(), bytes += 'b';
    std::sort(longer.begin(), longer.end());
    longer.erase(std::unique(longer.begin(), longer.end()), longer.end());
    std::erase_if(longer, [](const std::string& bytes) { return bytes.size() < 2; });
    for (uint32_t n = 1 + random.below(4); n > 0; --n) texts.push_back(word(9));
    const Tokenizer tokenizer = tokenizer_of(longer);
    const StopStrings stops(texts, tokenizer);
    std::vector<int32_t> tokens;
    std::string text;
    size_t expected = 41;
    for (size_t i = 0; i < 40; ++i) {
      const auto longs = static_cast<uint32_t>(longer.size());
      const bool letter = longs == 0 || random.below(2) == 0;
      tokens.push_back(
          static_cast<int32_t>(letter ? 'a' + random.below(2) : 256 + random.below(longs)));
      text += tokenizer.token_bytes(tokens.back());
      const bool contains = std::any_of(texts.begin(), texts.end(), [&](const std::string& stop) {
        return text.find(stop) != text.npos;
      });
      if (contains && expected == 41) expected = i + 1;
    }
    CAPTURE(round, text, texts);
    REQUIRE(tokens_until_stop(stops, tokens) == expected);
    found += expected <= 40;
  }
  CHECK(found > 100);
  CHECK(found < 400);
}

TEST_CASE("stop strings: what cannot be used is said") {
  const Tokenizer tokenizer = tokenizer_of({});
  const auto make = [&](const std::vector<std::string>& texts) {
    return StopStrings(texts, tokenizer);
  };
  CHECK_THROWS_AS(make({}), InputError);
  CHECK_THROWS_AS(make({"a", ""}), InputError);
  CHECK_THROWS_AS(make({std::string(StopStrings::kBytesMax + 1, 'a')}), InputError);
  const StopStrings longest = make({std::string(StopStrings::kBytesMax, 'a')});
  CHECK(tokens_until_stop(longest, std::vector<int32_t>(5000, 'a')) == StopStrings::kBytesMax);
}
