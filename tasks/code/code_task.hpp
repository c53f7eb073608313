#pragma once
// A task whose answer is a program: what is run with it, and what must come out. One form for all
// kinds; a row may mix them.
//   CT-1  What is expected is in here and stays with the judge: payloads for the untrusted side are
//         made from arguments and inputs alone.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tasks/code/extract.hpp"
#include "tasks/code/output.hpp"
#include "tasks/code/value_equal.hpp"

namespace thespis::tasks {

constexpr std::string_view kCodeKind = "code";

struct CodeTest {
  enum class Kind : uint8_t {
    kStdio,       ///< `input` on standard input; it prints `expected_output`.
    kCall,        ///< The task's entry, called with `arguments`, returns `expected`.
    kExpression,  ///< `source`, evaluated beside the program, gives `expected`.
    kAssert,      ///< `source` holds, where `functions` are the program's.
    kChecker,     ///< What the entry returns satisfies the checker `source`.
  };
  Kind kind = Kind::kStdio;
  std::string input, expected_output;
  std::string function;  ///< Of kCall, where it is not the task's entry.
  std::vector<Value> arguments;
  Value expected;
  std::string source;
  std::vector<std::string> functions;  ///< Of kAssert.
};

struct CodeTask {
  Language language = Language::kPython;
  std::string preamble;     ///< Source before the program, in its process: imports.
  std::string setup;        ///< Source after it.
  std::string entry;        ///< The function that tests call; also a method of a class Solution.
  std::string prefix;       ///< Source that the tester of asserts knows.
  std::string answer_type;  ///< Of kChecker: "List[int]"; empty: any.
  OutputRule output;
  ValueRule value;
  std::vector<CodeTest> tests;  ///< At least one.
  // Limits; 0: as the recipe has them.
  double cpu_s = 0, wall_s = 0;
  uint64_t memory_bytes = 0;
  double wait_s = 0;  ///< Each run sleeps so long before it calls: stands for slow tests.
};

/// Reads a row; README of the recipes has its form. Throws InputError naming the field and what
/// would be right.
CodeTask code_task_of(const nlohmann::json& row);
nlohmann::json to_json(const CodeTask& task);

}  // namespace thespis::tasks
