// A thought is a list of lines "FIRST:SECOND,SECOND": one first step, and each way to go on from
// it, e.g. "6+6=12:20-12=8,12+20=32". Lines come in random order, and so do the steps of a line;
// none comes twice.

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

/// One line's beginning: the first step, and the number that is left for the second.
struct Line {
  Step first;
  int64_t rest = 0;
};

struct Attempt {
  Step first, second;
};

struct Thought {
  std::string text;
  Attempt last;
};

template <class T>
void shuffle(std::span<T> items, env::KeyedRandom& random) {
  for (auto left = static_cast<uint32_t>(items.size()); left > 1; --left)
    std::swap(items[left - 1], items[random.below(left)]);
}

std::string written(const Step& step) {
  return fmt::format("{}{}{}={}", step.left, step.op, step.right, step.value);
}

/// "(20-17)*16": the second step with the first one, bracketed, in place of its value.
std::string expression(const Attempt& attempt) {
  const auto& [first, second] = attempt;
  const std::string inner = fmt::format("({}{}{})", first.left, first.op, first.right);
  return second.left == first.value ? fmt::format("{}{}{}", inner, second.op, second.right)
                                    : fmt::format("{}{}{}", second.left, second.op, inner);
}

std::vector<Line> lines_of(const Countdown& instance, const config::CountdownSection& countdown) {
  std::vector<Line> lines;
  const auto& n = instance.numbers;
  for (const auto& [i, j, k] : {std::array{0, 1, 2}, std::array{0, 2, 1}, std::array{1, 2, 0}})
    for (const Step& first : steps_of(n[i], n[j], countdown.operators, countdown.target_max))
      lines.push_back({first, n[k]});
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
    auto seconds = steps_of(line.first.value, line.rest, countdown.operators, countdown.target_max);
    shuffle(std::span(seconds), random);
    bool begins_line = true;
    for (const Step& second : seconds) {
      const uint32_t needed = begins_line ? 2 * kStepSymbols : kStepSymbols;
      if (symbols > 0 && symbols + needed > symbols_max) return thought;
      if (begins_line)
        thought.text += (symbols > 0 ? "\n" : "") + written(line.first) + ":";
      else
        thought.text += ",";
      begins_line = false;
      symbols += needed;
      thought.text += written(second);
      thought.last = {line.first, second};
      if (second.value == instance.target) {
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
  const std::string answer = expression(thought.last), &text = thought.text;
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
  if (countdown.numbers != 3)
    throw InputError(
        fmt::format("data.countdown.numbers is {}; the pretraining corpus is written for 3",
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
