// Goal: the data sets that everybody uses become math tasks: questions by key or as conversations,
// gold answers as recorded; a bad row is named. Method: small files for each case, the whole
// message compared; then the published sets in ../shared/data, each gold against an independent
// record of it, skipped visibly where they are not.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "runtime/base/error.hpp"
#include "runtime/base/zstd.hpp"
#include "tasks/data/data_set.hpp"
#include "tasks/data/gold.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::tasks;
using config::AnswerFormat;
using config::DataSection;
using config::PromptTemplate;

namespace {

const std::filesystem::path kData = THESPIS_SOURCE_DIR "/../shared/data";

DataSection math_section(const std::string& path) {
  DataSection section;
  section.source = config::DataSource::kJsonl;
  section.kind = config::RowKind::kMath;
  section.test_files = {path};
  section.prompt_template = PromptTemplate::kPlain;
  section.prompt_key = "question";
  return section;
}

/// A file of one row, and how it is read.
class Row {
 public:
  explicit Row(std::string_view text) : section_(math_section(directory_.path() + "/rows.jsonl")) {
    std::ofstream(section_.test_files[0], std::ios::binary) << text << "\n";
  }
  DataSection& section() { return section_; }
  PromptMaker& maker() { return maker_; }
  Task task() const { return make_data_set(section_, 1, Split::kTest, maker_)->at(0); }
  std::string gold() const { return nlohmann::json::parse(task().row)["answer"]; }
  /// The message with which the row is refused, without the path of its file.
  std::string refusal() const {
    try {
      return "accepted: " + task().row;
    } catch (const InputError& error) {
      return std::string(error.what()).substr(section_.test_files[0].size());
    }
  }

 private:
  test::TemporaryDirectory directory_;
  DataSection section_;
  PromptMaker maker_;
};

std::string gold_of_row(const Task& task) {
  return nlohmann::json::parse(task.row)["answer"];
}

std::unique_ptr<DataSet> published(const std::filesystem::path& file, const std::string& prompt,
                                   const std::string& answer, AnswerFormat format) {
  DataSection section = math_section(file.string());
  section.prompt_key = prompt;
  section.answer_key = answer;
  section.answer_format = format;
  return make_data_set(section, 1, Split::kTest);
}

/// The answers of a file of MGSM: a question, a tab, a number in each line.
std::vector<std::string> mgsm_answers(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> answers;
  for (std::string line; std::getline(file, line);)
    answers.push_back(line.substr(line.rfind('\t') + 1));
  return answers;
}

std::string without_commas(std::string text) {
  std::erase(text, ',');
  return text;
}

}  // namespace

TEST_CASE("gold: what data sets write round an answer") {
  CHECK(gsm8k_gold("a\n#### 1,200") == "1,200");
  CHECK(gsm8k_gold("#### 1\n####  -7 \nnote") == "-7");
  CHECK_FALSE(gsm8k_gold("42").has_value());
  CHECK_FALSE(gsm8k_gold("####  ").has_value());
  CHECK(boxed_gold("so $\\boxed{\\frac{1}{2}}$.") == "\\frac{1}{2}");
  CHECK(boxed_gold("\\boxed{1} or \\boxed{2}") == "2");
  CHECK(boxed_gold("$\\boxed 5$") == "5");
  CHECK(boxed_gold("\\fbox{x}") == "x");
  CHECK(boxed_gold("\\boxed{\\{1, 2\\}}") == "\\{1, 2\\}");
  CHECK_FALSE(boxed_gold("\\boxed{1").has_value());
  CHECK_FALSE(boxed_gold("\\boxed{}").has_value());
  CHECK(gold_of("x #### 3", AnswerFormat::kAuto) == "3");
  CHECK(gold_of("x \\boxed{3}", AnswerFormat::kAuto) == "3");
  CHECK(gold_of(" 3 ", AnswerFormat::kAuto) == "3");
  CHECK(gold_of("a \\boxed{3}", AnswerFormat::kPlain) == "a \\boxed{3}");
}

TEST_CASE("math rows: question and answer by their keys, also within objects") {
  Row row(R"({"question": "2 + 2?", "answer": "#### 4"})");
  CHECK(row.task().kind == "math");
  CHECK(row.task().prompt == "2 + 2?");
  CHECK(row.task().row == R"({"prompt":"2 + 2?","answer":"4"})");
  CHECK_THAT(row.task().id, Catch::Matchers::EndsWith("rows.jsonl:1"));
  CHECK(Row(R"({"question": "?", "answer": 0.5})").gold() == "0.5");
  Row nested(R"({"a": {"q": ["x", "why?"]}, "a.g": "7", "a": {"q": ["x", "why?"], "g": "8"}})");
  nested.section().prompt_key = "a.q.1";
  nested.section().answer_key = "a.g";
  CHECK(nested.task().prompt == "why?");
  CHECK(nested.gold() == "7");  // A key that is the whole path comes first.
}

TEST_CASE("math rows: of a conversation the last user turn is the question") {
  std::string one_line = R"({"messages": [{"role": "user", "content": "2 + 2?"}, )"
                         R"({"role": "assistant", "content": "4"}], "answer": "4"})";
  Row single(one_line);
  single.section().prompt_key = "messages";
  CHECK(single.task().prompt == "2 + 2?");
  Row longer(
      R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},)"
      R"( {"role": "assistant", "content": "a"}, {"role": "user", "content": "v"},)"
      R"( {"role": "assistant", "content": "b"}], "answer": "4"})");
  longer.section().prompt_key = "messages";
  CHECK(longer.refusal() ==
        ":1: \"messages\": there are messages before the question; only "
        "data.template = \"chat\" has a place for them");
  longer.section().prompt_template = PromptTemplate::kChat;
  CHECK(longer.refusal() ==
        ":1: \"messages\": data.template = \"chat\" needs a model with a chat template");
  longer.maker().chat = [](const std::string& messages) { return "<" + messages + ">"; };
  CHECK(longer.task().prompt ==
        R"(<[{"role":"system","content":"s"},{"role":"user","content":"u"},)"
        R"({"role":"assistant","content":"a"},{"role":"user","content":"v"}]>)");
}

TEST_CASE("math rows: a question in a text is a conversation of one turn") {
  Row row(R"({"question": "2 + 2?", "answer": "4"})");
  row.section().prompt_template = PromptTemplate::kChat;
  row.maker().chat = [](const std::string& messages) { return messages; };
  CHECK(row.task().prompt == R"([{"role":"user","content":"2 + 2?"}])");
}

TEST_CASE("math rows: a bad row is named by file, line and field") {
  CHECK(Row("nonsense").refusal() ==
        ":1: not JSON; expected a row like {\"question\": \"2 + 2 = ?\", \"answer\": \"4\"}");
  CHECK(Row("[1]").refusal() ==
        ":1: not an object; expected one like {\"question\": ..., \"answer\": ...}");
  CHECK(Row(R"({"answer": "4"})").refusal() ==
        ":1: no \"question\"; data.prompt_key names the field");
  CHECK(Row(R"({"question": "?"})").refusal() ==
        ":1: no \"answer\"; data.answer_key names the field");
  CHECK(Row(R"({"question": 3, "answer": "4"})").refusal() ==
        ":1: \"question\": is neither a text nor a list of messages");
  CHECK(Row(R"({"question": [], "answer": "4"})").refusal() ==
        ":1: \"question\": no message of the user; expected a list like [{\"role\": \"user\", "
        "\"content\": \"...\"}]");
  CHECK(Row(R"({"question": "?", "answer": [4]})").refusal() ==
        ":1: \"answer\": is neither a text nor a number");
  CHECK(Row(R"({"question": "?", "answer": " "})").refusal() ==
        ":1: \"answer\": is empty; expected an answer like \"42\"");
  Row gsm8k(R"({"question": "?", "answer": "42"})");
  gsm8k.section().answer_format = AnswerFormat::kGsm8k;
  CHECK(gsm8k.refusal() ==
        ":1: \"answer\": no answer behind \"####\"; expected a last line like \"#### 42\"");
  CHECK(Row(R"({"question": "?", "answer": )" + std::string(200, '[') + "}").refusal() ==
        ":1: nested more than 100 deep");
  Row unfit(R"({"question": "?", "answer": "4"})");
  unfit.maker().check = [](const std::string&) { throw InputError("too long"); };
  CHECK(unfit.refusal() == ":1: \"question\": too long");
}

TEST_CASE("published sets: GSM8K, every row and gold answer") {
  if (!std::filesystem::exists(kData / "gsm8k")) SKIP("no " << kData / "gsm8k");
  const std::regex number("-?[0-9,.]+");
  const auto train =
      published(kData / "gsm8k/train.jsonl.zst", "question", "answer", AnswerFormat::kGsm8k);
  REQUIRE(train->size() == 7473);
  for (uint64_t i = 0; i < 7473; ++i) REQUIRE(std::regex_match(gold_of_row(train->at(i)), number));
  const auto test =
      published(kData / "gsm8k/test.first660.jsonl.zst", "question", "answer", AnswerFormat::kAuto);
  REQUIRE(test->size() == 660);
  // MGSM has the answers of the first 250 once more, in eleven languages.
  size_t languages = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kData / "mgsm")) {
    if (entry.path().extension() != ".tsv") continue;
    const auto answers = mgsm_answers(entry.path());
    REQUIRE(answers.size() == 125);
    for (size_t i = 0; i < answers.size(); ++i)
      CHECK(without_commas(gold_of_row(test->at(i))) == without_commas(answers[i]));
    ++languages;
  }
  CHECK(languages == 11);
}

TEST_CASE("published sets: MATH, every row; the boxed answer is the recorded one") {
  if (!std::filesystem::exists(kData / "math")) SKIP("no " << kData / "math");
  const auto file = kData / "math/math500.first250.jsonl";
  const auto boxed = published(file, "problem", "solution", AnswerFormat::kBoxed);
  const auto recorded = published(file, "problem", "answer", AnswerFormat::kPlain);
  REQUIRE(boxed->size() == 250);
  for (uint64_t i = 0; i < 250; ++i)
    CHECK(gold_of_row(boxed->at(i)) == gold_of_row(recorded->at(i)));
  const auto rest = published(kData / "math/math_test_minus500.even.jsonl.zst", "problem",
                              "solution", AnswerFormat::kAuto);
  CHECK(rest->size() == 2250);
  for (uint64_t i = 0; i < 2250; ++i) CHECK_FALSE(gold_of_row(rest->at(i)).empty());
}
