// Goal: packed files read as if they were not packed; damage and size are one InputError.

#include "runtime/base/zstd.hpp"

#include <zstd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "runtime/base/error.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;

namespace {

std::string packed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string read(const std::string& contents, uint64_t size_bytes_max) {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path file = std::filesystem::path(temporary.path()) / "file";
  std::ofstream(file, std::ios::binary) << contents;
  return read_packed_file(file, size_bytes_max);
}

}  // namespace

TEST_CASE("zstd: packed or not, the same text") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + '\n';
  CHECK(read(text, 1 << 20) == text);
  CHECK(read(packed(text), 1 << 20) == text);
  CHECK(read(packed(text) + packed("more"), 1 << 20) == text + "more");
  CHECK(read("", 10).empty());
  CHECK(read(packed(""), 100).empty());
  CHECK(read("\x28\xb5\x2f", 10) == "\x28\xb5\x2f");
}

TEST_CASE("zstd: no more than was asked for") {
  const std::string bomb = packed(std::string(10 << 20, 'a'));
  CHECK(bomb.size() < 4096);
  CHECK(read(bomb, 10 << 20).size() == 10 << 20);
  CHECK_THROWS_AS(read(bomb, (10 << 20) - 1), InputError);
  CHECK_THROWS_AS(read("12345", 4), InputError);
}

TEST_CASE("zstd: a file cut short or damaged is one InputError") {
  const std::string whole =
      packed("some text, not long, but long enough to be packed packed packed");
  for (size_t size = 4; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(read(whole.substr(0, size), 1 << 20), InputError);
  }
  CHECK_THROWS_AS(read(whole + "rest", 1 << 20), InputError);
}
