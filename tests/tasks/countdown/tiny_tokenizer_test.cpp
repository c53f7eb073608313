// Goal: the tokenizer file that recipes use is the one that the prompts were written for. Method:
// the committed files are compared with what the constants give; the vocabulary is counted. To
// write the files anew after a change of the prompt, set THESPIS_WRITE_GOLDENS=1.

#include "tasks/countdown/tiny_tokenizer.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <nlohmann/json.hpp>

#include "tasks/countdown/pretrain_corpus.hpp"

using namespace thespis::tasks;

namespace {

std::string committed(const std::string& name, const std::string& expected) {
  const std::string path = std::string(THESPIS_SOURCE_DIR) + "/recipes/zero-tiny/model/" + name;
  if (std::getenv("THESPIS_WRITE_GOLDENS") != nullptr)
    std::ofstream(path, std::ios::binary) << expected;
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("tiny tokenizer: the committed files are what the constants give") {
  CHECK(committed("tokenizer.json", tiny_tokenizer_json()) == tiny_tokenizer_json());
}

TEST_CASE("tiny tokenizer: 120 tokens, whose ids are 0 to 119") {
  const auto json = nlohmann::json::parse(tiny_tokenizer_json());
  std::set<int> ids;
  for (const auto& [text, id] : json.at("model").at("vocab").items()) ids.insert(id.get<int>());
  CHECK(ids.size() == 112);
  CHECK(json.at("model").at("merges").size() == 90);
  uint32_t special = 0;
  for (const auto& token : json.at("added_tokens")) {
    ids.insert(token.at("id").get<int>());
    special += token.at("special").get<bool>();
  }
  CHECK(ids.size() == 120);
  CHECK(*ids.rbegin() == 119);
  CHECK(special == 1);
}
