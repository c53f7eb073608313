// See small_tokenizer.hpp.

#include "tasks/data/small_tokenizer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace thespis::tasks {
namespace {

using Json = nlohmann::ordered_json;  // Keeps the order of the file readable and reproducible.

Json added_token(uint32_t id, const std::string& content) {
  return {{"id", id},
          {"content", content},
          {"single_word", false},
          {"lstrip", false},
          {"rstrip", false},
          {"normalized", false},
          {"special", content == kEndOfText}};
}

}  // namespace

std::string small_tokenizer_json(std::string_view characters, bool has_numbers,
                                 std::span<const std::string> phrases) {
  Json vocabulary = Json::object(), merges = Json::array(), added = Json::array();
  uint32_t id = 0;
  for (const char character : characters) vocabulary[std::string(1, character)] = id++;
  for (int number = 10; has_numbers && number < 100; ++number) {
    vocabulary[std::to_string(number)] = id++;
    merges.push_back(fmt::format("{} {}", number / 10, number % 10));
  }
  for (const std::string_view tag :
       {kEndOfText, std::string_view("<think>"), std::string_view("</think>"),
        std::string_view("<answer>"), std::string_view("</answer>")})
    added.push_back(added_token(id++, std::string(tag)));
  for (const std::string& phrase : phrases) added.push_back(added_token(id++, phrase));

  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false},
                {"vocab", vocabulary},
                {"merges", merges}};
  const Json tokenizer = {
      {"version", "1.0"},          {"truncation", nullptr},         {"padding", nullptr},
      {"added_tokens", added},     {"normalizer", nullptr},         {"pre_tokenizer", nullptr},
      {"post_processor", nullptr}, {"decoder", {{"type", "Fuse"}}}, {"model", std::move(model)}};
  return tokenizer.dump(1) + "\n";
}

}  // namespace thespis::tasks
