// Fences as CommonMark has them: up to three blanks, three or more of one mark, a language; closed
// by a line of at least as many of the same mark and nothing else.

#include "tasks/code/extract.hpp"

namespace thespis::tasks {
namespace {

constexpr std::string_view kThinkBegin = "<think>", kThinkEnd = "</think>";
constexpr std::string_view kAnswerBegin = "<answer>", kAnswerEnd = "</answer>";

size_t count(std::string_view text, std::string_view tag) {
  size_t n = 0;
  for (size_t at = text.find(tag); at != text.npos; at = text.find(tag, at + tag.size())) ++n;
  return n;
}

/// The text in which the answer must be.
Extracted answer_region(std::string_view text) {
  const size_t ends = count(text, kThinkEnd);
  if (ends > 1) return {std::nullopt, "</think> stands there more than once"};
  if (ends == 0 && count(text, kThinkBegin) > 0) return {std::nullopt, "<think> does not end"};
  if (ends == 1) text.remove_prefix(text.find(kThinkEnd) + kThinkEnd.size());
  const size_t begins = count(text, kAnswerBegin), closes = count(text, kAnswerEnd);
  if (begins == 0 && closes == 0) return {text, {}};
  const size_t begin = text.find(kAnswerBegin), end = text.find(kAnswerEnd);
  if (begins != 1 || closes != 1 || end < begin)
    return {std::nullopt, "not exactly one <answer>...</answer>"};
  return {text.substr(begin + kAnswerBegin.size(), end - begin - kAnswerBegin.size()), {}};
}

struct Fence {
  char mark = 0;
  size_t length = 0;  ///< 0: the line is no fence.
  std::string_view info;
};

Fence fence_of(std::string_view line) {
  size_t at = 0;
  while (at < line.size() && line[at] == ' ') ++at;
  if (at > 3 || at == line.size() || (line[at] != '`' && line[at] != '~')) return {};
  Fence fence;
  fence.mark = line[at];
  while (at < line.size() && line[at] == fence.mark) ++at, ++fence.length;
  if (fence.length < 3) return {};
  fence.info = line.substr(at);
  while (!fence.info.empty() && (fence.info[0] == ' ' || fence.info[0] == '\t'))
    fence.info.remove_prefix(1);
  const size_t last = fence.info.find_last_not_of(" \t\r");
  fence.info = fence.info.substr(0, last == fence.info.npos ? 0 : last + 1);
  if (fence.mark == '`' && fence.info.find('`') != fence.info.npos) return {};
  return fence;
}

}  // namespace

std::string_view name(Language language) {
  switch (language) {
    case Language::kPython:
      return "python";
    case Language::kCpp:
      return "cpp";
    case Language::kC:
      break;
  }
  return "c";
}

std::optional<Language> language_of(std::string_view name) {
  constexpr size_t kNameBytesMax = 16;
  std::string lower(name.substr(0, kNameBytesMax));
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (lower == "python" || lower == "py" || lower == "python3") return Language::kPython;
  if (lower == "cpp" || lower == "c++" || lower == "cc" || lower == "cxx") return Language::kCpp;
  if (lower == "c") return Language::kC;
  return std::nullopt;
}

Extracted extract_program(std::string_view completion, Language language) {
  const Extracted region = answer_region(completion);
  if (!region.program) return region;
  const std::string_view text = *region.program;
  std::optional<std::string_view> block;
  Fence open;
  size_t body = 0;
  bool any_fence = false;
  for (size_t at = 0; at < text.size();) {
    const size_t line_end = std::min(text.find('\n', at), text.size());
    const Fence fence = fence_of(text.substr(at, line_end - at));
    const size_t next = std::min(line_end + 1, text.size());
    if (fence.length > 0 && open.length == 0) {
      open = fence;
      body = next;
      any_fence = true;
    } else if (fence.mark == open.mark && fence.length >= open.length && fence.length > 0 &&
               fence.info.empty()) {
      const auto tag = open.info.substr(0, open.info.find_first_of(" \t{"));
      if (language_of(tag) == language) block = text.substr(body, at - body);
      open = {};
    }
    at = next;
  }
  if (open.length > 0) return {std::nullopt, "the last fenced block does not end"};
  if (any_fence && !block) return {std::nullopt, "no fenced block is marked with the language"};
  const std::string_view program = block ? *block : text;
  if (program.find_first_not_of(" \t\r\n") == program.npos)
    return {std::nullopt, "the program is empty"};
  if (program.size() > kProgramBytesMax) return {std::nullopt, "the program is over 64 KiB"};
  return {program, {}};
}

}  // namespace thespis::tasks
