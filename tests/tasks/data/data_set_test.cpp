// Goal: a task follows from the recipe, the seed and the index alone (DS-1), test tasks are never
// trained on (DS-2), and a bad row is named by file and line. Method: small files written for each
// case, the whole message compared; the shuffled order counted.

#include "tasks/data/data_set.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>
#include <set>

#include "runtime/base/error.hpp"
#include "tasks/data/permutation.hpp"
#include "tasks/data/prompt.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::tasks;
using config::DataSection;
using config::DataSource;

namespace {

/// A recipe's data section for one training file that holds `text`.
class JsonlFile {
 public:
  explicit JsonlFile(std::string_view text) : path_(directory_.path() + "/rows.jsonl") {
    std::ofstream(path_, std::ios::binary) << text;
    section_.source = DataSource::kJsonl;
    section_.train_files = {path_};
    section_.prompt_template = config::PromptTemplate::kPlain;
  }
  DataSection& section() { return section_; }
  const std::string& path() const { return path_; }
  std::unique_ptr<DataSet> open() const { return make_data_set(section_, 1, Split::kTrain); }

  /// The message with which the file is refused, without its path.
  std::string refusal() const {
    try {
      open();
    } catch (const InputError& error) {
      const std::string what = error.what();
      const size_t at = what.find(path_);
      return at == what.npos ? what : what.substr(0, at) + what.substr(at + path_.size());
    }
    return "accepted";
  }

 private:
  test::TemporaryDirectory directory_;
  std::string path_;
  DataSection section_;
};

std::string refusal(std::string_view row) {
  return JsonlFile("{\"numbers\":[1,2],\"target\":3}\n" + std::string(row) + "\n").refusal();
}

}  // namespace

TEST_CASE("prompt: the template and the question, word for word") {
  CHECK(prompt_of(countdown_question({3, 7, 12}, 57), config::PromptTemplate::kR1Zero) ==
        "A conversation between User and Assistant. The user asks a question, and the Assistant "
        "solves it. The assistant first thinks about the reasoning process in the mind and then "
        "provides the user with the answer. The reasoning process and answer are enclosed within "
        "<think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning "
        "process here </think> <answer> answer here </answer>. User: Using the numbers [3, 7, 12], "
        "create an equation that equals 57. You can use basic arithmetic operations (+, -, *, /) "
        "and each number can only be used once. Assistant:");
  CHECK(prompt_of("Why?", config::PromptTemplate::kPlain) == "Why?");
}

TEST_CASE("data set: generated tasks follow from seed and index") {
  const DataSection section;
  const auto one = make_data_set(section, 1, Split::kTrain);
  const auto again = make_data_set(section, 1, Split::kTrain);
  const auto other = make_data_set(section, 2, Split::kTrain);
  CHECK_FALSE(one->size().has_value());
  for (const uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
    CHECK(one->at(index) == again->at(index));
    CHECK(one->at(index).row != other->at(index).row);
  }
  CHECK(one->at(0).kind == "countdown");
  CHECK(one->at(0).id == "train-0");
  CHECK_THAT(one->at(0).prompt, Catch::Matchers::StartsWith(std::string(kTemplateBegin)));
}

TEST_CASE("data set: held-out tasks differ from one another and from all of training") {
  DataSection section;
  section.held_out = 256;
  const auto test = make_data_set(section, 1, Split::kTest);
  REQUIRE(test->size() == 256);
  std::set<std::string> rows;
  for (uint64_t i = 0; i < 256; ++i) rows.insert(test->at(i).row);
  CHECK(rows.size() == 256);
  CHECK(test->at(256) == test->at(0));
  CHECK(test->at(3).id == "test-3");
  const auto train = make_data_set(section, 1, Split::kTrain);
  for (uint64_t i = 0; i < 5000; ++i) REQUIRE_FALSE(rows.contains(train->at(i).row));
}

TEST_CASE("data set: more held-out tasks than there are is refused") {
  DataSection section;
  section.countdown = {2, 1, 3, 1, 9, "+"};
  section.held_out = 100;
  CHECK_THROWS_AS(make_data_set(section, 1, Split::kTest), InputError);
}

TEST_CASE("data set: rows of a file, each once in an epoch, in another order in each") {
  std::string text;
  for (int i = 1; i <= 100; ++i)
    text += "{\"numbers\": [" + std::to_string(i) + ", 1], \"target\": 5}\n";
  const JsonlFile file(text);
  const auto rows = file.open();
  REQUIRE(rows->size() == 100);
  std::set<std::string> first, second;
  uint32_t same_place = 0, in_order = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    first.insert(rows->at(i).row);
    second.insert(rows->at(100 + i).row);
    same_place += rows->at(i).row == rows->at(100 + i).row;
    in_order += rows->at(i).id == file.path() + ":" + std::to_string(i + 1);
  }
  CHECK(first.size() == 100);
  CHECK(first == second);
  CHECK(same_place < 10);
  CHECK(in_order < 10);
}

TEST_CASE("data set: test rows keep their order") {
  JsonlFile file("{\"nums\":[4,5],\"target\":9}\r\n\n  \n{\"numbers\":[1,2],\"target\":3}");
  file.section().test_files = {file.path()};
  const auto rows = make_data_set(file.section(), 1, Split::kTest);
  REQUIRE(rows->size() == 2);
  CHECK(rows->at(0).row == "{\"numbers\":[4,5],\"target\":9}");
  CHECK(rows->at(0).id == file.path() + ":1");
  CHECK(rows->at(1).row == "{\"numbers\":[1,2],\"target\":3}");
  CHECK(rows->at(1).id == file.path() + ":4");
}

TEST_CASE("data set: a row's own question takes the place of ours") {
  JsonlFile file("{\"numbers\":[1,2],\"target\":3,\"prompt\":\"Make 3.\"}\n");
  CHECK(file.open()->at(0).prompt == "Make 3.");
  file.section().prompt_key = "question";
  CHECK(file.open()->at(0).prompt == countdown_question({1, 2}, 3));
}

TEST_CASE("data set: a bad row is named by file and line, with what would be right") {
  const std::string like = "a row like {\"numbers\": [3, 7, 12], \"target\": 57}";
  const std::string object = "an object like {\"numbers\": [3, 7, 12], \"target\": 57}";
  CHECK(refusal("nonsense") == ":2: not JSON; expected " + like);
  CHECK(refusal("{\"numbers\":[1") == ":2: not JSON; expected " + like);
  CHECK(refusal("{\"numbers\":[1],\"target\":1}\xFF") == ":2: not JSON; expected " + like);
  CHECK(refusal("{\"numbers\":[1],\"target\":1,\"x\":\"\xFF\"}") ==
        ":2: not JSON; expected " + like);
  CHECK(refusal("7") == ":2: 7; expected " + object);
  CHECK(refusal("[1]") == ":2: a list; expected " + object);
  CHECK(refusal("{\"target\":3}") ==
        ":2: no \"numbers\"; expected a list like \"numbers\": [3, 7, 12]");
  CHECK(refusal("{\"numbers\":[]}") ==
        ":2: \"numbers\" is 0 long; expected a list of 1 to 16 whole numbers");
  CHECK(refusal("{\"nums\":\"3 7\"}") ==
        ":2: \"nums\" is \"3 7\"; expected a list of 1 to 16 whole numbers");
  const std::string whole = "; expected whole numbers from 0 to 1000000000";
  CHECK(refusal("{\"numbers\":[1,2.5]}") == ":2: \"numbers\" has 2.5" + whole);
  CHECK(refusal("{\"numbers\":[1,\"2\"]}") == ":2: \"numbers\" has \"2\"" + whole);
  CHECK(refusal("{\"numbers\":[-1]}") == ":2: \"numbers\" has -1" + whole);
  CHECK(refusal("{\"numbers\":[18446744073709551615]}") ==
        ":2: \"numbers\" has 18446744073709551615" + whole);
  CHECK(refusal("{\"numbers\":[1]}") == ":2: no \"target\"; expected one like \"target\": 57");
  CHECK(refusal("{\"numbers\":[1],\"target\":null}") ==
        ":2: \"target\" has null; expected whole numbers from -1000000000 to 1000000000");
  CHECK(refusal("{\"numbers\":[1],\"target\":18446744073709551615}") ==
        ":2: \"target\" has 18446744073709551615; expected whole numbers from -1000000000 to "
        "1000000000");
  CHECK(refusal("{\"numbers\":[1],\"target\":1,\"prompt\":3}") ==
        ":2: \"prompt\" is not a text; expected the question in quotes");
  CHECK(refusal(std::string(100'000, '[')) == ":2: not JSON; expected " + like);
  CHECK(refusal("\"" + std::string(2 << 20, 'x') + "\"") ==
        ":2: 2097154 bytes in one row; at most 1048576");
}

TEST_CASE("data set: bad rows are counted where the recipe says so") {
  JsonlFile file("x\n{\"numbers\":[1,2],\"target\":3}\n{}\n");
  file.section().on_bad_row = config::OnBadRow::kSkip;
  const auto rows = file.open();
  CHECK(rows->size() == 1);
  CHECK(rows->skipped().count == 2);
  CHECK_THAT(rows->skipped().first, Catch::Matchers::StartsWith(file.path() + ":1: not JSON"));
}

TEST_CASE("data set: nothing to use is refused") {
  JsonlFile file("\n");
  CHECK(file.refusal() == "data.train_files: no row that can be used");
  file.section().train_files.clear();
  CHECK(file.refusal() ==
        "data.train_files is empty; data.source = \"jsonl\" needs at least one file");
  file.section().train_files = {file.path() + ".missing"};
  CHECK_THROWS_AS(file.open(), InputError);
}

TEST_CASE("permutation: a bijection for every size") {
  for (uint64_t size = 1; size <= 300; ++size) {
    std::set<uint64_t> places;
    for (uint64_t i = 0; i < size; ++i) places.insert(shuffled(i, size, 7, size));
    CAPTURE(size);
    REQUIRE(places.size() == size);
    REQUIRE(*places.rbegin() == size - 1);
  }
  CHECK(shuffled(123, uint64_t{1} << 40, 1, 0) < uint64_t{1} << 40);
}

TEST_CASE("permutation: every row comes to every place about as often") {
  constexpr uint64_t kSize = 10, kEpochs = 10'000;
  uint32_t counts[kSize][kSize] = {};
  for (uint64_t epoch = 0; epoch < kEpochs; ++epoch)
    for (uint64_t i = 0; i < kSize; ++i) ++counts[i][shuffled(i, kSize, 1, epoch)];
  for (const auto& row : counts)
    for (const uint32_t count : row) {
      CHECK(count > 850);  // 1000 expected, five standard deviations of 30.
      CHECK(count < 1150);
    }
}
