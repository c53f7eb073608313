// Two cursors that go through the tokens side by side: nothing is copied, whatever the sizes.

#include "tasks/code/output.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace thespis::tasks {
namespace {

constexpr size_t kShownBytesMax = 60;

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');  // A NUL is none: it belongs to a token.
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The next token of `rest`, empty at its end.
std::string_view next_token(std::string_view& rest) {
  size_t begin = 0;
  while (begin < rest.size() && is_blank(rest[begin])) ++begin;
  size_t end = begin;
  while (end < rest.size() && !is_blank(rest[end])) ++end;
  const auto token = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return token;
}

/// A finite decimal number, all of the token.
std::optional<double> number_of(std::string_view token) {
  if (token.starts_with('+')) token.remove_prefix(1);
  if (token.find_first_not_of("0123456789.eE+-") != token.npos) return std::nullopt;
  double number = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), number);
  if (read.ec != std::errc() || read.ptr != token.data() + token.size()) return std::nullopt;
  return number;
}

bool same_text(std::string_view a, std::string_view b, bool ignore_case) {
  if (!ignore_case) return a == b;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool same_token(std::string_view given, std::string_view expected, const OutputRule& rule) {
  if (same_text(given, expected, rule.ignore_case)) return true;
  if (rule.absolute_tolerance <= 0 && rule.relative_tolerance <= 0) return false;
  const auto want = number_of(expected), have = number_of(given);
  if (!want || !have) return false;
  const double off = std::abs(*have - *want);
  return off <= rule.absolute_tolerance || off <= rule.relative_tolerance * std::abs(*want);
}

std::string cut(std::string_view text) {
  if (text.size() <= kShownBytesMax) return std::string(text);
  return std::string(text.substr(0, kShownBytesMax)) + "...";
}

}  // namespace

std::optional<std::string> difference(std::string_view given, std::string_view expected,
                                      const OutputRule& rule) {
  if (rule.exact_blanks) {
    if (same_text(given, expected, rule.ignore_case)) return std::nullopt;
    const size_t shorter = std::min(given.size(), expected.size());
    size_t at = 0;
    while (at < shorter && same_text(given.substr(at, 1), expected.substr(at, 1), rule.ignore_case))
      ++at;
    return fmt::format("byte {} differs (blanks count here)", at + 1);
  }
  for (uint64_t token = 1;; ++token) {
    const auto have = next_token(given), want = next_token(expected);
    if (want.empty() && have.empty()) return std::nullopt;
    if (want.empty())
      return fmt::format("more than was asked for: token {} is {}", token, cut(have));
    if (have.empty()) return fmt::format("ends before token {}, which is {}", token, cut(want));
    if (!same_token(have, want, rule))
      return fmt::format("token {} is {}, not {}", token, cut(have), cut(want));
  }
}

}  // namespace thespis::tasks
