// Goal: real tokenizers give the ids that their own libraries give, and text comes back.
// Method: the conformance cases and the texts in ../shared/data beside the checkout; without that
// folder these tests are skipped.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/tokenizer/normalizer.hpp"
#include "model/tokenizer/stream_decoder.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/base/zstd.hpp"

using namespace thespis;
using namespace thespis::model;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr EncodeOptions kText{.parse_special = false};  // As the cases were made.
const fs::path kData = THESPIS_SOURCE_DIR "/../shared/data";
const fs::path kTokenizers = kData / "tokenizers";

std::string contents(const fs::path& path) {
  return read_packed_file(path, 256 << 20);
}

std::vector<json> rows(const fs::path& path) {
  std::vector<json> out;
  std::istringstream lines(contents(path));
  for (std::string line; std::getline(lines, line);) out.push_back(json::parse(line));
  return out;
}

std::vector<int32_t> ids_of(const json& value) {
  return value.get<std::vector<int32_t>>();
}

/// DeepSeek-R1-Distill-Qwen is Qwen2's tokenizer with other added tokens.
Tokenizer with_overlay(const fs::path& overlay_file) {
  const json overlay = json::parse(contents(overlay_file));
  json document =
      json::parse(contents(kTokenizers / (overlay["base"].get<std::string>() + ".zst")));
  for (const json& token : overlay["added_tokens_override"]) {
    json& added = document["added_tokens"];
    const auto same = [&](const json& old) { return old["id"] == token["id"]; };
    json& place = *std::ranges::find_if(added, same);
    place["content"] = token["content"];
    place["special"] = token["special"];
  }
  return Tokenizer::parse(document.dump(), overlay_file.string());
}

Tokenizer tokenizer_of(const std::string& name) {
  const fs::path overlay = kTokenizers / (name + ".overlay.json");
  return fs::exists(overlay) ? with_overlay(overlay)
                             : Tokenizer::load(kTokenizers / (name + ".tokenizer.json.zst"));
}

/// Every text of XQuAD and MGSM that is here.
std::vector<std::string> texts() {
  std::vector<std::string> out;
  for (const auto& file : fs::directory_iterator(kData / "xquad")) {
    if (file.path().filename() == "README.md") continue;
    for (const json& row : rows(file.path())) {
      out.push_back(row["context"].get<std::string>());
      for (const json& qa : row["qas"]) out.push_back(qa["question"].get<std::string>());
    }
  }
  for (const auto& file : fs::directory_iterator(kData / "mgsm")) {
    if (file.path().extension() != ".tsv") continue;
    std::istringstream lines(contents(file.path()));
    for (std::string line; std::getline(lines, line);) out.push_back(line);
  }
  return out;
}

}  // namespace

TEST_CASE("tokenizer conformance: every case of every tokenizer, there and back") {
  if (!fs::exists(kTokenizers)) SKIP("no " << kTokenizers);
  size_t files = 0;
  for (const auto& file : fs::directory_iterator(kTokenizers)) {
    const std::string filename = file.path().filename().string();
    const size_t end = filename.find(".cases");
    if (end == filename.npos) continue;
    const auto tokenizer = tokenizer_of(filename.substr(0, end));
    const auto cases = rows(file.path());
    size_t exact = 0;
    for (const json& c : cases) {
      const auto text = c["text"].get<std::string>();
      CAPTURE(filename, text);
      const auto ids = tokenizer.encode(text, kText);
      CHECK(ids == ids_of(c["ids"]));
      CHECK(tokenizer.decode(ids) == text);
      exact += ids == ids_of(c["ids"]);
    }
    std::printf("%s: %zu cases, %zu exact\n", filename.c_str(), cases.size(), exact);
    CHECK(!cases.empty());
    ++files;
  }
  CHECK(files >= 6);
}

TEST_CASE("tokenizer conformance: the derived encodings") {
  const fs::path file = kTokenizers / "derived_encodings.shared.jsonl.zst";
  if (!fs::exists(file)) SKIP("no " << file);
  const auto all = rows(file);
  for (const char* name : {"qwen2.5", "llama3", "deepseek_v3", "deepseek-llm"}) {
    const auto tokenizer = tokenizer_of(name);
    size_t exact = 0, with_added = 0;
    for (const json& row : all) {
      const auto text = row["text"].get<std::string>();
      // That reference knows no added tokens; the tokenizer's own library finds them in any text.
      with_added += std::ranges::any_of(tokenizer.added_tokens(), [&](const AddedToken& t) {
        return !t.special && text.find(t.text) != text.npos;
      });
      exact += tokenizer.encode(text, kText) == ids_of(row[name]);
    }
    std::printf("derived, %s: %zu texts, %zu exact, %zu with added tokens\n", name, all.size(),
                exact, with_added);
    CHECK(exact == all.size() - with_added);
    CHECK(with_added < all.size() / 4);
  }
}

TEST_CASE("tokenizer conformance: real conversations of a Qwen3 model, special tokens and all") {
  const fs::path file = kTokenizers / "nemo_rl_retokenization_drift.json";
  if (!fs::exists(file)) SKIP("no " << file);
  json document = json::parse(contents(kTokenizers / "qwen2.5.tokenizer.json.zst"));
  json token = document["added_tokens"].back();
  int32_t id = 151665;
  for (const char* text : {"<tool_response>", "</tool_response>", "<think>", "</think>"}) {
    token["content"] = text;
    token["id"] = id++;
    document["added_tokens"].push_back(token);
  }
  const auto tokenizer = Tokenizer::parse(document.dump(), "qwen3");
  const json drift = json::parse(contents(file));
  const auto canonical = ids_of(drift["output_prompt_token_ids"]);
  const std::string text = tokenizer.decode(canonical);
  CHECK(tokenizer.encode(text) == canonical);
  // What a model sampled need not be what its text encodes to; the text is the same.
  const auto sampled = ids_of(drift["seen_token_ids"]);
  CHECK(tokenizer.encode(tokenizer.decode(sampled)) != sampled);
  CHECK(text.starts_with(tokenizer.decode(sampled)));
}

TEST_CASE("tokenizer conformance: text comes back, whole and as a stream") {
  if (!fs::exists(kData / "xquad") || !fs::exists(kData / "mgsm")) SKIP("no " << kData);
  const auto all = texts();
  CHECK(all.size() > 10'000);
  const json document = {{"normalizer", {{"type", "NFC"}}}};
  const auto nfc = Normalizer::read(JsonFields(document, "nfc"));
  for (const char* name : {"qwen2.5", "llama3", "deepseek_v3", "deepseek-llm", "gpt-2"}) {
    const auto tokenizer = tokenizer_of(name);
    size_t same = 0, normalised = 0;
    std::string buffer;
    for (const std::string& text : all) {
      const auto ids = tokenizer.encode(text);
      const std::string back = tokenizer.decode(ids);
      same += back == text;
      normalised +=
          back != text && std::string_view(name) == "qwen2.5" && back == nfc.apply(text, buffer);
      StreamDecoder stream(tokenizer);
      std::string sum;
      for (const int32_t id : ids) sum += stream.push(id);
      if (sum + stream.finish() != back) FAIL_CHECK("streamed otherwise: " << text);
    }
    std::printf("round trip, %s: %zu texts, %zu come back, %zu as NFC\n", name, all.size(), same,
                normalised);
    CHECK(same + normalised == all.size());
  }
}
