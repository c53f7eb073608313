// Goal: the tree keeps the house's rules (tidy.hpp), and CMake forgot none of its files.
// Method: every file below the tree's own folders is read and checked; findings are named one by
// one.

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/tidy/tidy.hpp"

using namespace thespis::tidy;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kFolders = {"actors",  "app", "bench", "cmake",   "deploy",
                                           "docs",    "gpu", "model", "recipes", "runtime",
                                           "schemas", "sim", "tasks", "tests"};
const std::vector<std::string> kRootFiles = {"CMakeLists.txt", "README.md", "CONTRIBUTING.md",
                                             "thespis"};
/// Files that people wrote. Weights, goldens and pictures are data.
const std::set<std::string> kWritten = {".hpp",  ".cpp",   ".cu",     ".cuh",  ".capnp",
                                        ".txt",  ".cmake", ".sh",     ".toml", ".md",
                                        ".yaml", ".py",    ".service"};

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  REQUIRE(stream.good());
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<SourceFile> read_tree() {
  const fs::path root = THESPIS_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const std::string& name : kRootFiles)
    if (fs::exists(root / name)) files.push_back({name, read(root / name)});
  for (const std::string& folder : kFolders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      if (entry.is_regular_file() && kWritten.contains(entry.path().extension().string()))
        files.push_back({entry.path().lexically_relative(root).string(), read(entry.path())});
  }
  return files;
}

std::set<std::string> built_files() {
  const auto commands = nlohmann::json::parse(read(THESPIS_BUILD_DIR "/compile_commands.json"));
  std::set<std::string> paths;
  for (const auto& command : commands)
    paths.insert(fs::path(command["file"].get<std::string>())
                     .lexically_relative(THESPIS_SOURCE_DIR)
                     .string());
  return paths;
}

/// Applies one rule to every file and tells what it found.
template <class Rule>
void check_all(const Rule& rule) {
  const auto files = read_tree();
  REQUIRE(files.size() > 20);  // Else the tree was not found, and nothing was checked.
  std::vector<Finding> found;
  for (const SourceFile& file : files)
    for (Finding& finding : rule(file)) found.push_back(std::move(finding));
  INFO(to_text(found));
  CHECK(found.empty());
}

}  // namespace

TEST_CASE("tree: files have the house's form") {
  check_all(check_form);
}

TEST_CASE("tree: layers point downwards") {
  check_all(check_includes);
}

TEST_CASE("tree: no banned code, no time or chance outside runtime/env") {
  check_all(check_code);
}

TEST_CASE("tree: every file is built and needed") {
  const auto built = built_files();
  REQUIRE(built.contains("tests/tidy/tree_test.cpp"));
  const auto found = check_tree(read_tree(), built);
  INFO(to_text(found));
  CHECK(found.empty());
}

TEST_CASE("tree: links in documents lead somewhere") {
  std::set<std::string> paths;
  for (const std::string& folder : kFolders) {
    const fs::path root = THESPIS_SOURCE_DIR;
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      paths.insert(entry.path().lexically_relative(root).string());
  }
  for (const auto& entry : fs::directory_iterator(THESPIS_SOURCE_DIR))
    paths.insert(entry.path().filename().string());
  check_all([&](const SourceFile& file) {
    return file.path.ends_with(".md") ? check_links(file, paths) : std::vector<Finding>{};
  });
}

TEST_CASE("tree: every promise has a test named after it") {
  const std::string path = "docs/architecture.md";
  const auto found = check_promises({path, read(fs::path(THESPIS_SOURCE_DIR) / path)}, read_tree());
  INFO(to_text(found));
  CHECK(found.empty());
}
