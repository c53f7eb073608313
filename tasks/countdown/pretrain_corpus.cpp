// A thought is a list of lines "FIRST:LAST,LAST": all steps but the last, and each way to go on
// from them, e.g. "6+6=12:20-12=8,12+20=32", with four numbers "2*3=6:6+6=12:20-12=8,12+20=32".
// Lines come in random order, and so do the last steps of a line; none comes twice.

#include "tasks/countdown/pretrain_corpus.hpp"

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "runtime/base/error.hpp"
#include "tasks/data/prompt.hpp"

namespace thespis::tasks {
namespace {

constexpr uint32_t kStepSymbols = 6;  // Left, sign, right, "=", value, and what separates it.
constexpr uint32_t kFormatErrors = 6;

/// A number at hand: one of the puzzle's, or what steps made of some of them.
struct Part {
  int64_t value = 0;
  std::string text;  ///< "7", "(20-17)"
};

/// One line's beginning: all steps but the last, and the two numbers that they leave.
struct Line {
  std::vector<Step> steps;
  Part first, second;
};

struct Thought {
  std::string text;
  std::string answer;  ///< The expression of the last attempt.
};

template <class T>
void shuffle(std::span<T> items, env::KeyedRandom& random) {
  for (auto left = static_cast<uint32_t>(items.size()); left > 1; --left)
    std::swap(items[left - 1], items[random.below(left)]);
}

std::string written(const Step& step) {
  return fmt::format("{}{}{}={}", step.left, step.op, step.right, step.value);
}

/// "(20-17)*16": a step with its operands' texts in place of their values.
std::string expression(const Step& step, const Part& x, const Part& y) {
  return step.left == x.value ? fmt::format("{}{}{}", x.text, step.op, y.text)
                              : fmt::format("{}{}{}", y.text, step.op, x.text);
}

void add_lines(const std::vector<Part>& parts, std::vector<Step>& steps,
               const config::CountdownSection& countdown, std::vector<Line>& lines) {
  if (parts.size() == 2) return lines.push_back({steps, parts[0], parts[1]});
  for (size_t i = 0; i < parts.size(); ++i)
    for (size_t j = i + 1; j < parts.size(); ++j)
      for (const Step& step :
           steps_of(parts[i].value, parts[j].value, countdown.operators, countdown.target_max)) {
        std::vector<Part> rest{{step.value, "(" + expression(step, parts[i], parts[j]) + ")"}};
        for (size_t k = 0; k < parts.size(); ++k)
          if (k != i && k != j) rest.push_back(parts[k]);
        steps.push_back(step);
        add_lines(rest, steps, countdown, lines);
        steps.pop_back();
      }
}

std::vector<Line> lines_of(const Countdown& instance, const config::CountdownSection& countdown) {
  std::vector<Part> parts;
  for (const int64_t number : instance.numbers) parts.push_back({number, std::to_string(number)});
  std::vector<Line> lines;
  std::vector<Step> steps;
  add_lines(parts, steps, countdown, lines);
  return lines;
}

/// Tries until it hits, gives up, has tried everything, or the next attempt would not fit.
Thought think(const Countdown& instance, const config::CountdownSection& countdown,
              double stop_probability, uint32_t symbols_max, env::KeyedRandom& random) {
  Thought thought;
  auto lines = lines_of(instance, countdown);
  shuffle(std::span(lines), random);
  uint32_t symbols = 0;
  for (const Line& line : lines) {
    auto lasts =
        steps_of(line.first.value, line.second.value, countdown.operators, countdown.target_max);
    shuffle(std::span(lasts), random);
    bool begins_line = true;
    for (const Step& last : lasts) {
      const auto steps = static_cast<uint32_t>(begins_line ? line.steps.size() + 1 : 1);
      const uint32_t needed = steps * kStepSymbols;
      if (symbols > 0 && symbols + needed > symbols_max) return thought;
      if (begins_line) {
        if (symbols > 0) thought.text += "\n";
        for (const Step& step : line.steps) thought.text += written(step) + ":";
      } else {
        thought.text += ",";
      }
      begins_line = false;
      symbols += needed;
      thought.text += written(last);
      thought.answer = expression(last, line.first, line.second);
      if (last.value == instance.target) {
        thought.text += "!";
        return thought;
      }
      if (random.uniform() < stop_probability) return thought;
    }
  }
  return thought;
}

/// `error`: which of the kFormatErrors ways to break the format; none keeps it.
std::string completion_of(const Thought& thought, std::optional<uint32_t> error) {
  const std::string &answer = thought.answer, &text = thought.text;
  if (!error) return fmt::format("<think>{}</think> <answer>{}</answer>", text, answer);
  switch (*error) {
    case 0:
      return fmt::format("{}</think> <answer>{}</answer>", text, answer);
    case 1:
      return fmt::format("<think>{} <answer>{}</answer>", text, answer);
    case 2:
      return fmt::format("<think>{}</think> <answer>{}", text, answer);
    case 3:
      return fmt::format("<think>{}</think> {}", text, answer);
    case 4:
      return fmt::format("<think>{}</think> <answer>{}</answer> {}", text, answer, answer);
    default:
      return fmt::format("<think>{}</think> <answer>{}</answer> <answer>{}</answer>", text, answer,
                         answer);
  }
}

}  // namespace

PretrainCorpus::PretrainCorpus(const config::CountdownSection& countdown,
                               const config::PretrainCorpusSection& options, uint64_t seed)
    : countdown_(countdown), options_(options), seed_(seed) {
  if (countdown.numbers != 3 && countdown.numbers != 4)
    throw InputError(
        fmt::format("data.countdown.numbers is {}; the pretraining corpus is written for 3 or 4",
                    countdown.numbers));
}

Document PretrainCorpus::at(uint64_t index) const {
  env::KeyedRandom random(seed_, env::Purpose::kCorpus, index);
  const Countdown instance = draw_countdown(countdown_, Split::kTrain, random);
  const bool is_patient = random.uniform() < options_.patient_share;
  const double stop = is_patient ? options_.patient_stop_probability : options_.stop_probability;
  const Thought thought = think(instance, countdown_, stop, options_.thought_tokens_max, random);
  std::optional<uint32_t> error;
  if (random.uniform() < options_.format_error_rate) error = random.below(kFormatErrors);
  const std::string question = countdown_question(instance.numbers, instance.target);
  return {prompt_of(question, config::PromptTemplate::kR1Zero),
          completion_of(thought, error) + std::string(kEndOfText)};
}

}  // namespace thespis::tasks
