#pragma once
// Tasks from JSON lines: one row a line, blank lines between them allowed.

#include <string>
#include <vector>

#include "tasks/data/data_set.hpp"

namespace thespis::tasks {

struct JsonlRows {
  std::vector<Task> tasks;  ///< In the order of files and lines.
  SkippedRows skipped;
};

/// Reads every row of `files` as a Countdown row; its prompt is the field data.prompt_key where the
/// row has one, else the question made from its numbers. Throws InputError: a file that cannot be
/// read; with on_bad_row = "error" the first bad row, as "FILE:LINE: ...".
JsonlRows read_jsonl(const std::vector<std::string>& files, const config::DataSection& section);

}  // namespace thespis::tasks
