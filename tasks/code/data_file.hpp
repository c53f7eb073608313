#pragma once
// Published sets of programming tasks with their reference solutions, made into tasks of ours:
// HumanEval, MBPP, P3 and Kattis' packages, each in the layout of its JSON lines.
//   DF-1  Asserts become arguments and values here, once, by a sandboxed process; no test of these
//         sets is taken apart when an answer is judged.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "runtime/sandbox/sandbox.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {

enum class CodeData : uint8_t { kHumanEval, kMbpp, kP3, kStdio };

/// "humaneval", "mbpp", "p3", "stdio". Throws InputError that names them.
CodeData code_data_of(const std::string& name);

/// A program, and what is known of it.
struct CodeCase {
  enum class Known : uint8_t {
    kReference,  ///< Solves the task.
    kWrong,      ///< Does not: a stub, or a submission that was found wrong.
    kUncertain,  ///< What was recorded depends on the machine it was recorded on.
  };
  std::string id;  ///< "HumanEval/3", "po2019/final/skogsbrand ng_100.cpp"
  std::shared_ptr<const CodeTask> task;
  std::string program;
  Known known = Known::kReference;
  std::string recorded;  ///< The submission's category and verdict, for people.
  /// What a model is asked for; set in one case of each row of the file.
  std::string question;
};

/// The case's task as a row to train on, data.kind = "code": its question as "prompt", its tests.
nlohmann::json training_row(const CodeCase& known);

/// All cases of a file's text: each reference, and a stub of it or the wrong submissions that the
/// file holds. Throws InputError as "SOURCE:LINE: ...".
std::vector<CodeCase> read_code_data(CodeData data, std::string_view text,
                                     const std::string& source, sandbox::Sandbox& sandbox);

}  // namespace thespis::tasks
