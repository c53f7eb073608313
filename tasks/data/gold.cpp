#include "tasks/data/gold.hpp"

#include <algorithm>

#include "runtime/base/error.hpp"

namespace thespis::tasks {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kGsm8kMark = "####";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::optional<std::string> not_empty(std::string_view text) {
  text = trimmed(text);
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

/// The inside of the braces that `text` begins with; a brace behind a backslash is a character.
std::optional<std::string_view> in_braces(std::string_view text) {
  size_t depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return text.substr(1, i - 1);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> gsm8k_gold(std::string_view solution) {
  const size_t mark = solution.rfind(kGsm8kMark);
  if (mark == solution.npos) return std::nullopt;
  const std::string_view rest = solution.substr(mark + kGsm8kMark.size());
  return not_empty(rest.substr(0, rest.find('\n')));
}

std::optional<std::string> boxed_gold(std::string_view solution) {
  size_t begin = std::string_view::npos, after = 0;
  for (const std::string_view command : {"\\boxed", "\\fbox"}) {
    const size_t at = solution.rfind(command);
    if (at == solution.npos || (begin != solution.npos && at < begin)) continue;
    begin = at;
    after = at + command.size();
  }
  if (begin == solution.npos) return std::nullopt;
  const std::string_view rest = solution.substr(after);
  if (rest.starts_with('{')) {
    const auto inside = in_braces(rest);
    return inside ? not_empty(*inside) : std::nullopt;
  }
  return not_empty(rest.substr(0, rest.find_first_of("$\n")));
}

std::string gold_of(std::string_view text, config::AnswerFormat format) {
  using config::AnswerFormat;
  if (format == AnswerFormat::kAuto) {
    if (text.find(kGsm8kMark) != text.npos)
      format = AnswerFormat::kGsm8k;
    else if (text.find("\\boxed") != text.npos || text.find("\\fbox") != text.npos)
      format = AnswerFormat::kBoxed;
    else
      format = AnswerFormat::kPlain;
  }
  switch (format) {
    case AnswerFormat::kGsm8k:
      if (auto gold = gsm8k_gold(text)) return *std::move(gold);
      throw InputError("no answer behind \"####\"; expected a last line like \"#### 42\"");
    case AnswerFormat::kBoxed:
      if (auto gold = boxed_gold(text)) return *std::move(gold);
      throw InputError("no \\boxed{} whose braces close; expected one like \\boxed{42}");
    default:
      if (auto gold = not_empty(text)) return *std::move(gold);
      throw InputError("is empty; expected an answer like \"42\"");
  }
}

}  // namespace thespis::tasks
