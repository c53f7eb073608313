// What one file cannot show: that a target builds it, that somebody needs it, that links lead
// somewhere.

#include <map>

#include "tests/tidy/tidy.hpp"

namespace thespis::tidy {

namespace {

/// The headers that a file includes, as paths of the tree, in order; foreign ones too.
std::vector<std::string> includes_of(const SourceFile& file) {
  std::vector<std::string> headers;
  for (const std::string_view line : lines_of(file.text)) {
    if (!line.starts_with("#include")) continue;
    const size_t open = line.find_first_of("<\"");
    const size_t close = open == line.npos ? line.npos : line.find_first_of(">\"", open + 1);
    if (close != line.npos) headers.emplace_back(line.substr(open + 1, close - open - 1));
  }
  return headers;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

/// "docs/a/../b.md" as "docs/b.md".
std::string normal(const std::string& path) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string part = path.substr(at, end - at);
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    at = end + 1;
  }
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : "/") + part;
  return joined;
}

}  // namespace

std::vector<Finding> check_tree(const std::vector<SourceFile>& files,
                                const std::set<std::string>& built) {
  std::vector<Finding> found;
  std::set<std::string> paths;
  std::map<std::string, bool> needed;  // Header: true if something else than tests includes it.
  std::map<std::string, std::vector<std::string>> includes;
  for (const SourceFile& file : files) {
    if (!is_cpp(file.path)) continue;
    paths.insert(file.path);
    includes[file.path] = includes_of(file);
    const std::string own = file.path.substr(0, file.path.rfind('.')) + ".hpp";
    for (const std::string& header : includes[file.path])
      if (header != own) needed[header] |= !file.path.starts_with("tests/");
  }
  for (const std::string& path : paths) {
    if (is_header(path)) {
      const auto need = needed.find(path);
      if (need == needed.end())
        found.push_back({path, 0, "nobody includes this header"});
      else if (!need->second && !path.starts_with("tests/"))
        found.push_back({path, 0, "only tests use this header"});
      continue;
    }
    if (path.ends_with(".cpp") && !built.contains(path))
      found.push_back({path, 0, "no target builds this file"});
    const std::string own = path.substr(0, path.rfind('.')) + ".hpp";
    if (paths.contains(own) && (includes[path].empty() || includes[path].front() != own))
      found.push_back({path, 0, "includes its own header first, to show that it compiles alone"});
  }
  return found;
}

std::vector<Finding> check_links(const SourceFile& file, const std::set<std::string>& paths) {
  std::vector<Finding> found;
  const auto lines = lines_of(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    for (size_t at = lines[i].find("]("); at != lines[i].npos; at = lines[i].find("](", at + 1)) {
      const size_t end = lines[i].find_first_of(")#", at + 2);
      const std::string target(lines[i].substr(at + 2, end == lines[i].npos ? end : end - at - 2));
      if (target.empty() || target.find("://") != std::string::npos) continue;
      const std::string path = normal(folder_of(file.path) + "/" + target);
      const auto below = paths.lower_bound(path + "/");
      const bool is_folder = below != paths.end() && below->starts_with(path + "/");
      if (!paths.contains(path) && !is_folder)
        found.push_back({file.path, i + 1, "the link leads nowhere: " + target});
    }
  }
  return found;
}

std::vector<Finding> check_promises(const SourceFile& document,
                                    const std::vector<SourceFile>& files) {
  std::set<std::string> kept;  // The words of all test names and of all claims to test a promise.
  for (const SourceFile& file : files) {
    if (!file.path.starts_with("tests/") || file.path.starts_with("tests/tidy/")) continue;
    for (const std::string_view line : lines_of(file.text)) {
      const auto has = [&](std::string_view word) { return line.find(word) != line.npos; };
      if (!has("TEST_CASE") && !has("promise") && !has("Goal")) continue;
      constexpr std::string_view kNameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";
      for (size_t at = 0; at < line.size();) {
        const size_t end = std::min(line.find_first_not_of(kNameLetters, at), line.size());
        if (end > at) kept.emplace(line.substr(at, end - at));
        at = end + 1;
      }
    }
  }
  std::vector<Finding> found;
  size_t promise_count = 0;
  bool inside = false;
  const auto lines = lines_of(document.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("## ")) inside = lines[i] == "## Promises";
    if (!inside || !lines[i].starts_with("| ") || lines[i].starts_with("| ---")) continue;
    const std::string name(lines[i].substr(2, lines[i].find(" |", 2) - 2));
    if (name == "promise") continue;
    ++promise_count;
    if (!kept.contains(name))
      found.push_back({document.path, i + 1, "no test is named after the promise " + name});
  }
  if (promise_count == 0) found.push_back({document.path, 0, "has no table of promises"});
  return found;
}

}  // namespace thespis::tidy
