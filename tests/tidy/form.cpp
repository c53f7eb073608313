// Form: what a file looks like before anybody asks what it does.

#include "tests/tidy/tidy.hpp"

namespace thespis::tidy {

namespace {

constexpr size_t kColumnsMax = 100;
constexpr size_t kLinesMax = 400;

/// Words that say "not done", built from halves so that this file may be checked as well.
const std::vector<std::string> kUnfinished = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "XX"
    "X",
    "HA"
    "CK"};
/// The beginnings of paths that exist on one developer's machine only.
const std::vector<std::string> kPrivatePaths = {
    "/ho"
    "me/",
    "/ro"
    "ot/",
    "/Us"
    "ers/",
    "/wo"
    "rk/"};
/// Names that say nothing about what is inside.
const std::vector<std::string> kEmptyNames = {"utils/", "util/",    "helpers/", "common/", "misc/",
                                              "utils.", "helpers.", "util.",    "misc."};

bool is_prose(std::string_view path) {
  return path.ends_with(".md") || path.ends_with("LICENSE");
}

/// Characters, not bytes: continuation bytes of UTF-8 do not count.
size_t columns(std::string_view line) {
  size_t count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

/// True if `word` stands in `line` as a word of its own.
bool has_word(std::string_view line, std::string_view word) {
  const auto is_letter = [&](size_t i) {
    return i < line.size() && (std::isalnum(static_cast<unsigned char>(line[i])) || line[i] == '_');
  };
  for (size_t at = line.find(word); at != line.npos; at = line.find(word, at + 1))
    if ((at == 0 || !is_letter(at - 1)) && !is_letter(at + word.size())) return true;
  return false;
}

/// True if `line` names a path below `folder` from the root of a file system.
bool has_path(std::string_view line, std::string_view folder) {
  for (size_t at = line.find(folder); at != line.npos; at = line.find(folder, at + 1)) {
    const char before = at == 0 ? ' ' : line[at - 1];
    if (!std::isalnum(static_cast<unsigned char>(before)) &&
        std::string_view("/._-$})").find(before) == std::string_view::npos)
      return true;
  }
  return false;
}

/// A comment that is a statement: "// foo(bar);". Prose does not end in a semicolon after a
/// bracket.
bool is_dead_code(std::string_view line) {
  const size_t at = line.find_first_not_of(' ');
  if (at == line.npos || line.substr(at, 2) != "//" || line.substr(at, 3) == "///") return false;
  return line.ends_with(");") || line.ends_with("};") || line.ends_with(") {");
}

/// The first line that is not a shebang, a file id, a blank or #pragma once must be a comment.
bool begins_with_comment(const std::vector<std::string_view>& lines) {
  for (const std::string_view line : lines) {
    if (line.empty() || line.starts_with("#!") || line.starts_with("@0x")) continue;
    if (line == "#pragma once") continue;
    return line.starts_with("//") || line.starts_with("#") || line.starts_with("\"\"\"");
  }
  return false;
}

}  // namespace

std::vector<Finding> check_form(const SourceFile& file) {
  std::vector<Finding> found;
  const auto lines = lines_of(file.text);
  const bool prose = is_prose(file.path);
  const auto report = [&](size_t line, std::string what) {
    found.push_back({file.path, line, std::move(what)});
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (!prose && columns(line) > kColumnsMax)
      report(i + 1, "longer than " + std::to_string(kColumnsMax) + " columns");
    if (line.find('\t') != line.npos) report(i + 1, "a tab");
    if (line.ends_with(' ') || line.ends_with('\r')) report(i + 1, "blanks at the end of the line");
    for (const std::string& word : kUnfinished)
      if (has_word(line, word)) report(i + 1, word + " (do it, or file it as an issue)");
    for (const std::string& folder : kPrivatePaths)
      if (has_path(line, folder)) report(i + 1, "a path of one machine: " + folder);
    if (is_cpp(file.path) && is_dead_code(line)) report(i + 1, "commented-out code");
  }
  if (!file.text.empty() && !file.text.ends_with('\n'))
    report(lines.size(), "no newline at the end");
  for (const std::string& name : kEmptyNames)
    if (("/" + file.path).find("/" + name) != std::string::npos)
      report(0, "named " + name + " (name it after what it does)");
  if (prose || file.path.ends_with(".json")) return found;
  if (lines.size() > kLinesMax)
    report(lines.size(), "more than " + std::to_string(kLinesMax) + " lines (split it by subject)");
  if (!begins_with_comment(lines)) report(1, "does not begin by saying what it is for");
  if (is_header(file.path) && (lines.empty() || lines[0] != "#pragma once"))
    report(1, "a header begins with #pragma once");
  return found;
}

}  // namespace thespis::tidy
