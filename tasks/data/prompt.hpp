#pragma once
// The words round a task: the template of DeepSeek-R1-Zero (arXiv 2501.12948, table 1) and the
// question that TinyZero asks. The tiny tokenizer has these very phrases as single tokens.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/recipe.hpp"

namespace thespis::tasks {

constexpr std::string_view kTemplateBegin =
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves "
    "it. The assistant first thinks about the reasoning process in the mind and then provides the "
    "user with the answer. The reasoning process and answer are enclosed within <think> </think> "
    "and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> "
    "<answer> answer here </answer>. User: ";
constexpr std::string_view kTemplateEnd = ". Assistant:";

constexpr std::string_view kQuestionBegin = "Using the numbers [";
constexpr std::string_view kQuestionMiddle = "], create an equation that equals ";
constexpr std::string_view kQuestionEnd =
    ". You can use basic arithmetic operations (+, -, *, /) and each number can only be used once";

/// "Using the numbers [3, 7, 12], create an equation that equals 57. You can use ... used once".
std::string countdown_question(const std::vector<int64_t>& numbers, int64_t target);

/// The prompt that a policy is given, where the template is one of ours (not kChat); the completion
/// follows without a blank.
std::string prompt_of(std::string_view question, config::PromptTemplate prompt_template);

}  // namespace thespis::tasks
