// Built from the constants of tasks/data/prompt.hpp, so that tokens and prompts cannot drift apart.

#include "tasks/countdown/tiny_tokenizer.hpp"

#include <fmt/format.h>

#include "tasks/data/prompt.hpp"
#include "tasks/data/small_tokenizer.hpp"

namespace thespis::tasks {

std::string tiny_tokenizer_json() {
  const std::string phrases[] = {fmt::format("{}{}", kTemplateBegin, kQuestionBegin),
                                 std::string(kQuestionMiddle),
                                 fmt::format("{}{}", kQuestionEnd, kTemplateEnd)};
  return small_tokenizer_json("\n !()*+,-/:=0123456789", /*has_numbers=*/true, phrases);
}

}  // namespace thespis::tasks
