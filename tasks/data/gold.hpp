#pragma once
// The right answer of a math row, taken out of what data sets write round it.

#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/recipe.hpp"

namespace thespis::tasks {

/// What follows the last "####" of a GSM8K solution, up to the line's end, without blanks round it.
/// None: there is none, or nothing follows.
std::optional<std::string> gsm8k_gold(std::string_view solution);

/// What the last \boxed{} (or \fbox{}) of a MATH solution holds, braces balanced; "\boxed 5" counts
/// as well. None: there is none, or its braces do not close.
std::optional<std::string> boxed_gold(std::string_view solution);

/// The answer in `text`, by `format`; kAuto looks for "####", then for \boxed, and else takes the
/// whole. Throws InputError that says what `format` expects.
std::string gold_of(std::string_view text, config::AnswerFormat format);

}  // namespace thespis::tasks
