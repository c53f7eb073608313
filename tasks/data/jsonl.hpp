#pragma once
// Tasks from JSON lines, plain or packed with gzip or zstd: one row a line, blank lines between
// them allowed.

#include <string>
#include <vector>

#include "tasks/data/conversation.hpp"
#include "tasks/data/data_set.hpp"

namespace thespis::tasks {

struct JsonlRows {
  std::vector<Task> tasks;  ///< In the order of files and lines.
  SkippedRows skipped;
};

/// Reads every row of `files` as data.kind says. A Countdown row's prompt is the field
/// data.prompt_key where it has one, else the question made from its numbers. A math row has a
/// question and an answer; its task's row is {"prompt": ..., "answer": the gold answer}. A code row
/// has a question and the fields of code_task_of(). Throws
/// InputError: a file that cannot be read; with on_bad_row = "error" the first bad row, as
/// "FILE:LINE: ...".
JsonlRows read_jsonl(const std::vector<std::string>& files, const config::DataSection& section,
                     const PromptMaker& maker);

}  // namespace thespis::tasks
