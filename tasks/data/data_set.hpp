#pragma once
// The tasks of a run, by index: generated Countdown instances, or rows of JSONL files. A data set
// is immutable; any thread may ask it.
//   DS-1  at(index) depends on the recipe's data, the seed and the index alone, so that a run which
//         resumes sees the tasks that it would have seen.
//   DS-2  No generated test task is ever a training task.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/config/recipe.hpp"
#include "tasks/countdown/countdown.hpp"
#include "tasks/data/conversation.hpp"

namespace thespis::tasks {

struct Task {
  std::string id;      ///< For people: "train-17", "test-3", or FILE:LINE.
  std::string kind;    ///< Which verifier judges it.
  std::string prompt;  ///< With the template's text round it.
  std::string row;     ///< What the verifier needs, as JSON.
  bool operator==(const Task&) const = default;
};

/// Rows that could not be used and were left out, as data.on_bad_row = "skip" says.
struct SkippedRows {
  uint64_t count = 0;
  std::string first;  ///< What was wrong with the first one; empty: none.
};

class DataSet {
 public:
  virtual ~DataSet() = default;
  /// Any index: after the last task the next epoch begins, in an order of its own.
  virtual Task at(uint64_t index) const = 0;
  /// Tasks in one epoch; none where they do not end.
  virtual std::optional<uint64_t> size() const = 0;
  virtual const SkippedRows& skipped() const = 0;
};

/// What `section` says for `split`. Training rows are shuffled anew in each epoch; test tasks (of
/// the generator: data.held_out different ones) keep their order. Throws InputError: a file that
/// cannot be read, a bad row (FILE:LINE, what is wrong, what would be right), nothing to use.
/// `maker`: for data.template = "chat", and to check prompts; a prompt that fails is a bad row.
std::unique_ptr<DataSet> make_data_set(const config::DataSection& section, uint64_t seed,
                                       Split split, const PromptMaker& maker = {});

}  // namespace thespis::tasks
