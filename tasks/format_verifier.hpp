#pragma once
// The R1-Zero format, <think> ... </think> <answer> ... </answer>, and the answer inside it. Pure
// functions of the text, linear in its length.
//   FV-1  Each tag counts: a second one anywhere is an error of form, never the one that is taken.

#include <optional>
#include <string_view>

namespace thespis::tasks {

/// True if the whole text is a thought and an answer in their tags, each tag once, with nothing but
/// blanks (space, tab, line ends) before, between and after.
bool has_r1_zero_format(std::string_view completion);

/// What stands in <answer> ... </answer> after </think>; these three tags each exactly once and in
/// this order, whatever else the text holds. None otherwise.
std::optional<std::string_view> answer_of(std::string_view completion);

}  // namespace thespis::tasks
