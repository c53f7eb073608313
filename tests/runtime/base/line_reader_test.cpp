// Goal: lines come out the same whether a file is plain, gzip or zstd, across buffers and members;
// what is damaged, cut short or beyond a limit is one line with file and place. Method: files made
// with the libraries' own compressors, then cut and altered at every few bytes.

#include "runtime/base/line_reader.hpp"

#include <zlib.h>
#include <zstd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>

#include "runtime/base/error.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string gzip(const std::string& text) {
  std::string out(text.size() + 1024, '\0');
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  const size_t size = ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size());
  ZSTD_freeCCtx(context);
  REQUIRE(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

class File {
 public:
  explicit File(const std::string& bytes) : path_(directory_.path() + "/rows.jsonl") {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  const std::string& path() const { return path_; }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    LineReader reader(path_);
    for (std::string_view line; reader.next(line);) {
      lines.emplace_back(line);
      CHECK(reader.line_number() == lines.size());
    }
    return lines;
  }
  std::string refusal() const {
    try {
      return "read " + std::to_string(lines().size()) + " lines";
    } catch (const InputError& error) {
      return error.what();
    }
  }

 private:
  test::TemporaryDirectory directory_;
  std::string path_;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("line reader: the same lines, whatever the packing") {
  std::string text;
  Lines expected;
  for (int i = 0; i < 50'000; ++i) {
    expected.push_back("{\"row\": " + std::to_string(i * 7919) + "}");
    text += expected.back() + "\n";
  }
  CHECK(File(text).lines() == expected);
  CHECK(File(gzip(text)).lines() == expected);
  CHECK(File(zstd(text)).lines() == expected);
  const size_t half = text.size() / 2;  // Within a line: members are one text.
  CHECK(File(gzip(text.substr(0, half)) + gzip(text.substr(half))).lines() == expected);
  CHECK(File(zstd(text.substr(0, half)) + zstd(text.substr(half))).lines() == expected);
}

TEST_CASE("line reader: ends of lines and of files") {
  CHECK(File("").lines().empty());
  CHECK(File("a").lines() == Lines{"a"});
  CHECK(File("a\n").lines() == Lines{"a"});
  CHECK(File("a\n\nb").lines() == Lines{"a", "", "b"});
  CHECK(File(gzip("")).lines().empty());
  CHECK(File(zstd("")).lines().empty());
  const std::string long_line(1 << 20, 'x');
  CHECK(File(zstd(long_line + "\nb\n")).lines() == Lines{long_line, "b"});
}

TEST_CASE("line reader: a line has a limit") {
  const std::string much(LineReader::kLineBytesMax + 1, 'x');
  const File file(gzip("a\n" + much));
  CHECK(file.refusal() == file.path() + ":2: a line of more than 67108864 bytes");
}

TEST_CASE("line reader: packed data that are cut short or damaged name file and place") {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "{\"row\": " + std::to_string(i * 7919) + "}\n";
  for (const std::string& packed : {gzip(text), zstd(text)}) {
    for (size_t size = 5; size < packed.size(); size += 97) {
      const File file(packed.substr(0, size));
      CHECK_THAT(file.refusal(), ContainsSubstring(file.path() + ":"));
      CHECK_THAT(file.refusal(), ContainsSubstring("cut short at byte " + std::to_string(size)));
    }
    for (size_t at = 10; at < packed.size(); at += 131) {
      std::string damaged = packed;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x5A);
      const std::string refusal = File(damaged).refusal();
      CAPTURE(at, refusal);
      CHECK((refusal.find("damaged at byte") != refusal.npos ||
             refusal.find("cut short") != refusal.npos));
    }
  }
  CHECK_THAT(File(gzip("a\n") + "behind").refusal(), ContainsSubstring("damaged at byte"));
}

TEST_CASE("line reader: Parquet is refused with what converts it") {
  const File file("PAR1....PAR1");
  CHECK_THAT(file.refusal(), ContainsSubstring(file.path() + ": is Parquet"));
  CHECK_THAT(file.refusal(), ContainsSubstring("python3 -c \"import pandas; pandas.read_parquet('" +
                                               file.path() + "').to_json('" + file.path() +
                                               ".jsonl', orient='records', "
                                               "lines=True, force_ascii=False)\""));
}
