#pragma once
// The program in what a model wrote. Strict: what is not plainly the answer is none, so that
// nothing is gained by writing several and hoping for the right one.
//   EX-1  Linear in the length of the text; the result lies within it.

#include <optional>
#include <string>
#include <string_view>

namespace thespis::tasks {

enum class Language : uint8_t { kPython, kCpp, kC };

/// "python", "cpp", "c".
std::string_view name(Language language);
/// Also by the names that people give: "py", "c++". None: not one of ours.
std::optional<Language> language_of(std::string_view name);

struct Extracted {
  std::optional<std::string_view> program;
  std::string_view problem;  ///< Why there is none.
};

/// Looks behind </think>, which must be there once if there is a <think>, and inside
/// <answer>...</answer> where there is one. There it is the last fenced block (``` or ~~~) marked
/// with `language`, closed; or everything, where there is no fence at all.
Extracted extract_program(std::string_view completion, Language language);

constexpr size_t kProgramBytesMax = 64 << 10;

}  // namespace thespis::tasks
