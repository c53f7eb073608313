// Two kinds of data set: one draws on demand, one holds what was read.

#include "tasks/data/data_set.hpp"

#include <functional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/countdown/countdown_row.hpp"
#include "tasks/data/jsonl.hpp"
#include "tasks/data/permutation.hpp"
#include "tasks/data/prompt.hpp"
#include "tasks/programs/stack_program.hpp"
#include "tasks/verifier.hpp"

namespace thespis::tasks {
namespace {

/// Task `index` of a split, by its id.
using Generator = std::function<Task(uint64_t index, std::string id)>;

class GeneratedDataSet : public DataSet {
 public:
  explicit GeneratedDataSet(Generator generator) : generator_(std::move(generator)) {}
  Task at(uint64_t index) const override {
    return generator_(index, fmt::format("train-{}", index));
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }
  const SkippedRows& skipped() const override { return skipped_; }

 private:
  Generator generator_;
  SkippedRows skipped_;
};

class FixedDataSet : public DataSet {
 public:
  /// `shuffle_seed`: none keeps the order of `tasks`, which are not empty.
  FixedDataSet(std::vector<Task> tasks, SkippedRows skipped, std::optional<uint64_t> shuffle_seed)
      : tasks_(std::move(tasks)), skipped_(std::move(skipped)), shuffle_seed_(shuffle_seed) {}
  Task at(uint64_t index) const override {
    const uint64_t epoch = index / tasks_.size(), position = index % tasks_.size();
    if (!shuffle_seed_) return tasks_[position];
    return tasks_[shuffled(position, tasks_.size(), *shuffle_seed_, epoch)];
  }
  std::optional<uint64_t> size() const override { return tasks_.size(); }
  const SkippedRows& skipped() const override { return skipped_; }

 private:
  std::vector<Task> tasks_;
  SkippedRows skipped_;
  std::optional<uint64_t> shuffle_seed_;
};

Generator generator_of(const config::DataSection& section, uint64_t seed, Split split,
                       const PromptMaker& maker) {
  const auto prompt = [prompt_template = section.prompt_template, maker](
                          const std::string& question, const std::string& id) {
    try {
      return prompt_for(question, prompt_template, maker);
    } catch (const InputError& error) {
      throw InputError(fmt::format("task {}: {}", id, error.what()));
    }
  };
  if (section.source == config::DataSource::kCountdown)
    return [generator = CountdownGenerator(section.countdown, seed, split), prompt](
               uint64_t index, std::string id) {
      const Countdown instance = generator.at(index);
      std::string words = prompt(countdown_question(instance.numbers, instance.target), id);
      return Task{std::move(id), std::string(kCountdownKind), std::move(words), to_row(instance)};
    };
  return [options = section.programs, seed, split, prompt](uint64_t index, std::string id) {
    env::KeyedRandom random(seed, env::Purpose::kData, index * 2 + (split == Split::kTest ? 1 : 0));
    const StackProgram program = draw_program(options, split, random);
    Task task = program_task(program, std::move(id), options, random);
    task.prompt = prompt(task.prompt, task.id);
    return task;
  };
}

/// Different prompts, so that none counts twice in an evaluation.
std::vector<Task> held_out_tasks(const config::DataSection& section, uint64_t seed,
                                 const PromptMaker& maker) {
  constexpr uint64_t kDrawsPerTask = 1000;
  const Generator generator = generator_of(section, seed, Split::kTest, maker);
  std::vector<Task> tasks;
  std::set<std::string> seen;
  for (uint64_t i = 0; tasks.size() < section.held_out; ++i) {
    if (i == kDrawsPerTask * section.held_out)
      throw InputError(
          fmt::format("data.held_out is {}, but the ranges of data.{} gave only {} different test "
                      "instances; choose fewer, or wider ranges",
                      section.held_out,
                      section.source == config::DataSource::kCountdown ? "countdown" : "programs",
                      tasks.size()));
    Task task = generator(i, fmt::format("test-{}", tasks.size()));
    if (seen.insert(task.prompt).second) tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace

std::unique_ptr<DataSet> make_data_set(const config::DataSection& section, uint64_t seed,
                                       Split split, const PromptMaker& maker) {
  const bool is_test = split == Split::kTest;
  if (section.source != config::DataSource::kJsonl) {
    if (!is_test)
      return std::make_unique<GeneratedDataSet>(generator_of(section, seed, Split::kTrain, maker));
    return std::make_unique<FixedDataSet>(held_out_tasks(section, seed, maker), SkippedRows{},
                                          std::nullopt);
  }
  const auto& files = is_test ? section.test_files : section.train_files;
  const std::string_view key = is_test ? "data.test_files" : "data.train_files";
  if (files.empty())
    throw InputError(
        fmt::format("{} is empty; data.source = \"jsonl\" needs at least one file", key));
  JsonlRows rows = read_jsonl(files, section, maker);
  if (rows.tasks.empty())
    throw InputError(
        fmt::format("{}: no row that can be used{}{}", key,
                    rows.skipped.first.empty() ? "" : "; the first one: ", rows.skipped.first));
  const auto shuffle_seed = is_test ? std::nullopt : std::optional<uint64_t>(seed);
  return std::make_unique<FixedDataSet>(std::move(rows.tasks), std::move(rows.skipped),
                                        shuffle_seed);
}

}  // namespace thespis::tasks
