// Reading C++ as text: what is code and what is comment or literal. Knows line and block comments,
// raw strings and digit separators; not trigraphs and not line splices inside literals, which
// nobody uses.

#include "tests/tidy/tidy.hpp"

namespace thespis::tidy {

namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool starts_at(std::string_view text, size_t i, std::string_view what) {
  return text.substr(i, what.size()) == what;
}

/// The end (one past the last character) of the literal or comment that begins at `i`; `i` if none
/// does.
size_t end_of_blank(std::string_view text, size_t i) {
  const auto past = [&](std::string_view end, size_t from) {
    const size_t at = text.find(end, from);
    return at == std::string_view::npos ? text.size() : at + end.size();
  };
  if (starts_at(text, i, "//")) return std::min(text.find('\n', i), text.size());
  if (starts_at(text, i, "/*")) return past("*/", i + 2);
  const bool after_word = i > 0 && is_word(text[i - 1]);
  if (text[i] == 'R' && !after_word && starts_at(text, i + 1, "\"")) {
    const size_t open = text.find('(', i);
    if (open == std::string_view::npos) return text.size();
    return past(")" + std::string(text.substr(i + 2, open - i - 2)) + "\"", open);
  }
  if (text[i] != '"' && (text[i] != '\'' || after_word)) return i;  // 10'000 is a number.
  size_t at = i + 1;
  while (at < text.size() && text[at] != text[i] && text[at] != '\n')
    at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

}  // namespace

std::string code_only(std::string_view text) {
  std::string code(text);
  for (size_t i = 0; i < text.size();) {
    const size_t end = end_of_blank(text, i);
    for (size_t k = i; k < end; ++k)
      if (code[k] != '\n') code[k] = ' ';
    i = end > i ? end : i + 1;
  }
  return code;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_header(std::string_view path) {
  return path.ends_with(".hpp") || path.ends_with(".cuh");
}

bool is_cpp(std::string_view path) {
  return is_header(path) || path.ends_with(".cpp") || path.ends_with(".cu");
}

std::string to_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings)
    text += finding.path + ":" + std::to_string(finding.line) + ": " + finding.what + "\n";
  return text;
}

}  // namespace thespis::tidy
