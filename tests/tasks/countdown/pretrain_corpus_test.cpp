// Goal: the base model learns only what is true: every equation holds, `!` marks hits and only hits
// (PC-1), documents follow from seed and index and hold no test instance (PC-2); the shares are
// those asked for. Method: documents taken apart by a second parser.

#include "tasks/countdown/pretrain_corpus.hpp"

#include <xxhash.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/base/error.hpp"
#include "tasks/countdown/countdown_verifier.hpp"
#include "tasks/countdown/expression.hpp"
#include "tasks/data/prompt.hpp"
#include "tasks/format_verifier.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::tasks;

namespace {

const config::CountdownSection kTiny{3, 1, 20, 1, 99, "+-*/"};

/// The instance that a prompt asks for.
Countdown asked(const std::string& prompt) {
  Countdown instance;
  const size_t begin = prompt.find(kQuestionBegin) + kQuestionBegin.size();
  const size_t middle = prompt.find(kQuestionMiddle);
  std::string numbers = prompt.substr(begin, middle - begin) + ",";
  while (!numbers.empty()) {
    instance.numbers.push_back(std::stoll(numbers));
    numbers.erase(0, numbers.find(',') + 1);
  }
  instance.target = std::stoll(prompt.substr(middle + kQuestionMiddle.size()));
  return instance;
}

struct Read {
  uint32_t attempts = 0, equations = 0, false_equations = 0, hits = 0, marks = 0;
  std::set<std::string> lines;
  uint32_t line_count = 0;
  int64_t last_value = 0;
};

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

Read read_thought(std::string thought, int64_t target) {
  Read read;
  read.marks = static_cast<uint32_t>(std::count(thought.begin(), thought.end(), '!'));
  if (thought.ends_with('!')) thought.pop_back();
  for (const std::string& line : parts_of(thought, '\n')) {
    const size_t colon = line.rfind(':');
    read.lines.insert(line.substr(0, colon)), ++read.line_count;
    auto equations = parts_of(line.substr(colon + 1), ',');
    read.attempts += static_cast<uint32_t>(equations.size());
    for (const std::string& second : equations) {
      read.last_value = std::stoll(second.substr(second.find('=') + 1));
      read.hits += read.last_value == target;
    }
    for (const std::string& earlier : parts_of(line.substr(0, colon), ':'))
      equations.push_back(earlier);
    for (const std::string& equation : equations) {
      const size_t equals = equation.find('=');
      ++read.equations;
      read.false_equations += evaluate(equation.substr(0, equals)).value !=
                              Rational{std::stoll(equation.substr(equals + 1)), 1};
    }
  }
  return read;
}

std::string thought_of(const std::string& completion) {
  const size_t begin = completion.starts_with("<think>") ? 7 : 0;
  return completion.substr(begin, completion.find_first_of("< ", begin) - begin);
}

}  // namespace

TEST_CASE("corpus: equations hold, hits are marked, the last attempt is answered") {
  const uint64_t seed = test::seed();
  const uint32_t numbers = GENERATE(3u, 4u);
  CAPTURE(seed, numbers);
  config::PretrainCorpusSection options;
  options.format_error_rate = 0;
  auto countdown = kTiny;
  countdown.numbers = numbers;
  const PretrainCorpus corpus(countdown, options, seed);
  const uint64_t documents = numbers == 3 ? 3000 : 300;
  uint32_t hits = 0, long_thoughts = 0;
  for (uint64_t i = 0; i < documents; ++i) {
    const Document document = corpus.at(i);
    CAPTURE(document.completion);
    const Countdown instance = asked(document.prompt);
    REQUIRE(split_of(instance) == Split::kTrain);
    REQUIRE(document.completion.ends_with(kEndOfText));
    const std::string completion =
        document.completion.substr(0, document.completion.size() - kEndOfText.size());
    REQUIRE(has_r1_zero_format(completion));
    const Read read = read_thought(thought_of(completion), instance.target);
    REQUIRE(read.false_equations == 0);
    REQUIRE(read.hits == read.marks);
    REQUIRE(read.marks == (completion.find("!</think>") != completion.npos));
    const std::set<int64_t> distinct(instance.numbers.begin(), instance.numbers.end());
    if (numbers == 3 && distinct.size() == 3) REQUIRE(read.lines.size() == read.line_count);
    const auto result = check_countdown(instance, answer_of(completion));
    REQUIRE(result.value == std::to_string(read.last_value));
    REQUIRE((result.outcome == Outcome::kCorrect) == (read.hits == 1));
    hits += read.hits;
    long_thoughts += read.attempts > 10;
  }
  if (numbers == 4) return;
  CHECK(hits > 3000 * 0.15);  // 0.186 expected (the experiment behind the recipe, 4000 documents).
  CHECK(hits < 3000 * 0.22);
  CHECK(long_thoughts > 6);  // 23 expected.
}

TEST_CASE("corpus: formats are broken as often as asked, in six ways") {
  config::PretrainCorpusSection options;
  options.format_error_rate = 0.3;
  const PretrainCorpus corpus(kTiny, options, test::seed());
  uint32_t broken = 0, right_though_broken = 0;
  std::map<std::string, uint32_t> shapes;  // The tags of a document, in their order.
  for (uint64_t i = 0; i < 4000; ++i) {
    const Document document = corpus.at(i);
    const std::string completion =
        document.completion.substr(0, document.completion.size() - kEndOfText.size());
    if (has_r1_zero_format(completion)) continue;
    ++broken;
    right_though_broken += answer_of(completion).has_value();
    std::string shape;
    bool in_tag = false;
    for (const char c : completion) {
      in_tag = in_tag || c == '<';
      if (in_tag) shape += c;
      if (c == '>') in_tag = false;
    }
    ++shapes[shape + (completion.ends_with('>') ? "" : "...")];
  }
  CHECK(broken > 4000 * 0.27);
  CHECK(broken < 4000 * 0.33);
  CHECK(shapes.size() == 6);
  for (const auto& [shape, count] : shapes) {
    CAPTURE(shape);
    CHECK(count > broken / 9);
  }
  CHECK(right_though_broken > broken / 5);
}

TEST_CASE("corpus: a patient document goes on until everything is tried, or until it is full") {
  config::PretrainCorpusSection options;
  options.patient_share = 1;
  options.patient_stop_probability = 0;
  options.format_error_rate = 0;
  const PretrainCorpus corpus(kTiny, options, test::seed());
  uint32_t solved = 0;
  for (uint64_t i = 0; i < 500; ++i) {
    const Document document = corpus.at(i);
    const Countdown instance = asked(document.prompt);
    const Read read = read_thought(thought_of(document.completion), instance.target);
    REQUIRE(read.equations * 6 <= options.thought_tokens_max);
    solved += read.hits;
  }
  CHECK(solved > 480);
}

TEST_CASE("corpus: a limit that is less than one attempt still leaves one") {
  config::PretrainCorpusSection options;
  options.thought_tokens_max = 1;
  options.stop_probability = 0;
  const Document document = PretrainCorpus(kTiny, options, 1).at(0);
  CHECK(read_thought(thought_of(document.completion), 0).attempts == 1);
}

TEST_CASE("corpus: documents follow from seed and index") {
  const PretrainCorpus one(kTiny, {}, 1), again(kTiny, {}, 1), other(kTiny, {}, 2);
  CHECK(one.at(5).completion == again.at(5).completion);
  CHECK(one.at(5).prompt == again.at(5).prompt);
  CHECK(one.at(5).prompt != one.at(6).prompt);
  CHECK(one.at(5).prompt != other.at(5).prompt);
}

TEST_CASE("corpus: other than three or four numbers is refused") {
  CHECK_THROWS_AS(PretrainCorpus({5, 1, 20, 1, 99, "+-*/"}, {}, 1), InputError);
}

TEST_CASE("corpus: documents are those that the shipped base model was made from") {
  config::PretrainCorpusSection options{.stop_probability = 0.95,
                                        .patient_share = 0.06,
                                        .patient_stop_probability = 0.02,
                                        .format_error_rate = 0.12};
  const PretrainCorpus corpus(kTiny, options, 1);
  std::string all;
  for (uint64_t i = 0; i < 500; ++i) all += corpus.at(i).prompt + corpus.at(i).completion;
  CHECK(XXH64(all.data(), all.size(), 0) == 0x37d60d974b310aeau);
}
