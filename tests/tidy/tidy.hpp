#pragma once
// The house's rules that a compiler does not know, checked over the text of the source tree:
// layers, the one seam for time and chance, banned calls, size, form. Pure functions from text to
// findings, so that rules_test.cpp can show each rule a violation; tree_test.cpp applies them to
// the tree.

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::tidy {

/// `path` is relative to the root of the tree, with '/' between folders.
struct SourceFile {
  std::string path;
  std::string text;
};

/// `line` counts from 1; 0 means the file as a whole.
struct Finding {
  std::string path;
  size_t line;
  std::string what;
};

/// "path:line: what", one line each.
std::string to_text(const std::vector<Finding>& findings);

/// `text` with comments, strings and character literals blanked; lines and columns stay where they
/// are.
std::string code_only(std::string_view text);

/// The lines of `text` without their ends.
std::vector<std::string_view> lines_of(std::string_view text);

/// True where `path` ends as a file that the C++ or CUDA compiler reads.
bool is_cpp(std::string_view path);
bool is_header(std::string_view path);

/// Form: line length, file length, first comment, #pragma once, words and paths that do not belong
/// here.
std::vector<Finding> check_form(const SourceFile& file);

/// Layers: what `file` includes lies in its own room or one below, and no room reaches past its
/// part.
std::vector<Finding> check_includes(const SourceFile& file);

/// Code: time and chance outside runtime/env, banned calls, [=], swallowed exceptions.
std::vector<Finding> check_code(const SourceFile& file);

/// The tree as a whole: every source file is compiled by a target (`built` are the paths that
/// compile_commands.json names), every header is included by another file and not by tests alone,
/// and a source file includes its own header first, which shows that the header compiles alone.
std::vector<Finding> check_tree(const std::vector<SourceFile>& files,
                                const std::set<std::string>& built);

/// Documents: every relative link in a Markdown file leads to a file or folder of `paths`.
std::vector<Finding> check_links(const SourceFile& file, const std::set<std::string>& paths);

/// Promises: every row of the table below "## Promises" in `document` has a test named after it: a
/// TEST_CASE with its name, or a file below tests/ whose line on its goal or promise names it.
std::vector<Finding> check_promises(const SourceFile& document,
                                    const std::vector<SourceFile>& files);

}  // namespace thespis::tidy
