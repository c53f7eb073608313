// Stack programs: a few by hand, and of many drawn ones that they are valid, split by kind, and
// what the corpus says of them.

#include "tasks/programs/stack_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/file.hpp"
#include "tasks/code/code_task.hpp"
#include "tasks/programs/program_corpus.hpp"

namespace thespis::tasks {

TEST_CASE("stack program: what it leaves, and how it is worked out") {
  const StackProgram program{"xy+3*2-"};
  CHECK(run(program, 4, 5) == 25);
  CHECK(steps_of(program) == std::vector<std::string>{"(x+y)", "((x+y)*3)", "(((x+y)*3)-2)"});
  CHECK(steps_of(program, 2).back() == "(2-((x+y)*3))");
  CHECK(run({"xy-"}, 4, 5) == -1);
  CHECK(run({"3xy*-"}, 4, 5) == -17);
}

TEST_CASE("stack program: those drawn are valid, and of the split asked for") {
  const config::ProgramsSection options;
  env::KeyedRandom random(1, env::Purpose::kData, 3);
  for (int i = 0; i < 500; ++i) {
    const Split split = i % 10 == 0 ? Split::kTest : Split::kTrain;
    const StackProgram program = draw_program(options, split, random);
    CAPTURE(program.text);
    CHECK(split_of(program) == split);
    const auto steps = steps_of(program);
    CHECK(steps.size() >= options.operations_min);
    CHECK(steps.size() <= options.operations_max);
    const Task task = program_task(program, "t", options, random);
    const CodeTask code = code_task_of(nlohmann::json::parse(task.row));
    CHECK(task.prompt.ends_with(": " + program.text));
    CHECK(code.tests.size() == options.tests);
    // What is expected is not in the prompt, and is what the program leaves.
    const auto& test = code.tests[0];
    CHECK(test.expected.text == std::to_string(run(program, std::stoll(test.arguments[0].text),
                                                   std::stoll(test.arguments[1].text))));
  }
}

TEST_CASE("stack program: patient documents answer with the whole program") {
  config::PretrainCorpusSection options;
  options.patient_share = 1;
  options.patient_stop_probability = options.error_rate = options.format_error_rate = 0;
  const ProgramCorpus patient({}, options, 1);
  options.patient_share = 0;
  options.stop_probability = 1;
  const ProgramCorpus hasty({}, options, 1);
  for (uint64_t i = 0; i < 100; ++i) {
    const Document document = patient.at(i);
    const size_t end = document.prompt.find(kProgramQuestion) + kProgramQuestion.size();
    const std::string text = document.prompt.substr(end, document.prompt.rfind('.') - end);
    const auto steps = steps_of({text});
    CHECK(document.completion.find(std::string(kFunctionHead) + steps.back() + "</answer>") !=
          std::string::npos);
    CHECK(hasty.at(i).completion.find(std::string(kFunctionHead) + steps.front() + "</answer>") !=
          std::string::npos);
  }
}

TEST_CASE("stack program: the model's tokenizer in recipes/ is the one that is made") {
  const std::string made = program_tokenizer_json();
  const std::string path = THESPIS_SOURCE_DIR "/recipes/zero-code-tiny/model/tokenizer.json";
  CHECK(made == read_file(path, 1 << 20));
}

}  // namespace thespis::tasks
