// Goal: the real file system does what file_system.hpp says, and its errors name path and reason.
// Method: each operation and each refusal in a directory of its own; /dev/full for a full disk.

#include "runtime/env/file_system.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cerrno>
#include <filesystem>

#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::env;
using Catch::Matchers::Equals;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const FileSystem& files, const std::string& path) {
  const auto bytes = files.read(path, 1000);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

int error_of(const auto& action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.error_number();
  }
  return 0;
}

}  // namespace

TEST_CASE("file system: files are created, appended to, cut, renamed, listed and removed") {
  const test::TemporaryDirectory directory;
  RealFileSystem files;
  const std::string deep = directory.path() + "/a/b", path = deep + "/f";
  files.create_directories(deep);
  files.create_directories(deep);  // There already.
  {
    const auto file = files.create(path);
    file->append(bytes_of("one"));
    file->append(bytes_of("two"));
    file->sync();
    file->truncate(4);
    file->append(bytes_of("!"));
  }
  CHECK(text_of(files, path) == "onet!");
  files.open_to_append(path)->append(bytes_of("?"));
  CHECK(files.size_bytes(path) == 6);
  files.create(path)->append(bytes_of("new"));
  CHECK(text_of(files, path) == "new");
  files.rename(path, deep + "/g");
  files.sync_directory(deep);
  CHECK_FALSE(files.exists(path));
  files.create_directories(deep + "/d");
  CHECK(files.list(deep) == std::vector<DirectoryEntry>{{"d", true}, {"g", false}});
  files.remove_tree(directory.path() + "/a");
  files.remove_tree(directory.path() + "/a");  // Absent is fine.
  CHECK(files.list(directory.path()).empty());
}

TEST_CASE("file system: replacing leaves the new bytes and nothing beside them") {
  const test::TemporaryDirectory directory;
  RealFileSystem files;
  const std::string path = directory.path() + "/f";
  files.replace(path, bytes_of("one"));
  files.replace(path, bytes_of("two"));
  CHECK(text_of(files, path) == "two");
  CHECK(files.list(directory.path()) == std::vector<DirectoryEntry>{{"f", false}});
}

TEST_CASE("file system: removing a tree follows no links") {
  const test::TemporaryDirectory directory;
  RealFileSystem files;
  files.create_directories(directory.path() + "/outside");
  files.replace(directory.path() + "/outside/kept", bytes_of("x"));
  files.create_directories(directory.path() + "/tree");
  std::filesystem::create_directory_symlink("../outside", directory.path() + "/tree/link");
  files.remove_tree(directory.path() + "/tree");
  CHECK(files.exists(directory.path() + "/outside/kept"));
}

TEST_CASE("file system: failures are numbers to act on and lines to read") {
  const test::TemporaryDirectory directory;
  RealFileSystem files;
  const std::string none = directory.path() + "/none";
  CHECK_THROWS_MATCHES(files.read(none, 10), FileError,
                       Catch::Matchers::MessageMatches(
                           Equals(none + ": cannot be read: No such file or directory")));
  CHECK(error_of([&] { files.size_bytes(none); }) == ENOENT);
  CHECK(error_of([&] { files.list(none); }) == ENOENT);
  CHECK(error_of([&] { files.rename(none, none + "2"); }) == ENOENT);
  CHECK(error_of([&] { files.create(none + "/f"); }) == ENOENT);
  CHECK(error_of([&] { files.sync_directory(none); }) == ENOENT);
  CHECK(error_of([&] { files.read(directory.path(), 10); }) == EISDIR);
  files.replace(directory.path() + "/f", bytes_of("12345"));
  CHECK(error_of([&] { files.read(directory.path() + "/f", 4); }) == EFBIG);
  CHECK(error_of([&] { files.create_directories(directory.path() + "/f/d"); }) == ENOTDIR);
  CHECK_FALSE(files.exists(directory.path() + "/f/d"));
}

TEST_CASE("file system: a full disk is an error of its own kind") {
  if (!RealFileSystem().exists("/dev/full")) SKIP("no /dev/full here");
  RealFileSystem files;
  const auto file = files.open_to_append("/dev/full");
  CHECK_THROWS_MATCHES(file->append(bytes_of("x")), DiskFull,
                       Catch::Matchers::MessageMatches(
                           Equals("/dev/full: cannot be written: No space left on device")));
}
