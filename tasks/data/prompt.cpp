// See prompt.hpp.

#include "tasks/data/prompt.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/assert.hpp"

namespace thespis::tasks {

std::string countdown_question(const std::vector<int64_t>& numbers, int64_t target) {
  return fmt::format("{}{}{}{}{}", kQuestionBegin, fmt::join(numbers, ", "), kQuestionMiddle,
                     target, kQuestionEnd);
}

std::string prompt_of(std::string_view question, config::PromptTemplate prompt_template) {
  switch (prompt_template) {
    case config::PromptTemplate::kR1Zero:
      return fmt::format("{}{}{}", kTemplateBegin, question, kTemplateEnd);
    case config::PromptTemplate::kPlain:
      return std::string(question);
    case config::PromptTemplate::kChat:
      break;  // Made by the model's template: prompt_for.
  }
  THESPIS_ASSERT(false);
}

}  // namespace thespis::tasks
