// Finds each tag, insists that it is the only one, then looks at what stands between them.

#include "tasks/format_verifier.hpp"

namespace thespis::tasks {
namespace {

constexpr std::string_view kThinkBegin = "<think>", kThinkEnd = "</think>";
constexpr std::string_view kAnswerBegin = "<answer>", kAnswerEnd = "</answer>";

/// Where `tag` begins; none if it is missing or there twice.
std::optional<size_t> only(std::string_view text, std::string_view tag) {
  const size_t at = text.find(tag);
  if (at == text.npos || text.find(tag, at + tag.size()) != text.npos) return std::nullopt;
  return at;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == text.npos;
}

/// The text between two places, which must be in order.
std::string_view between(std::string_view text, size_t begin, size_t end) {
  return text.substr(begin, end - begin);
}

}  // namespace

bool has_r1_zero_format(std::string_view completion) {
  const auto think_begin = only(completion, kThinkBegin), think_end = only(completion, kThinkEnd);
  const auto answer_begin = only(completion, kAnswerBegin);
  const auto answer_end = only(completion, kAnswerEnd);
  if (!think_begin || !think_end || !answer_begin || !answer_end) return false;
  const size_t thought_ends = *think_end + kThinkEnd.size();
  return *think_begin < *think_end && *think_end < *answer_begin && *answer_begin < *answer_end &&
         is_blank(completion.substr(0, *think_begin)) &&
         is_blank(between(completion, thought_ends, *answer_begin)) &&
         is_blank(completion.substr(*answer_end + kAnswerEnd.size()));
}

std::optional<std::string_view> answer_of(std::string_view completion) {
  const auto think_end = only(completion, kThinkEnd);
  const auto begin = only(completion, kAnswerBegin), end = only(completion, kAnswerEnd);
  if (!think_end || !begin || !end || *begin < *think_end || *end < *begin) return std::nullopt;
  return between(completion, *begin + kAnswerBegin.size(), *end);
}

}  // namespace thespis::tasks
