#pragma once
// Lines of a file that may be packed with gzip or zstd, which its first bytes say. It is unpacked
// as it is read: what is held is one line and a buffer, whatever the file unpacks to.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.hpp"

namespace thespis {

class Unpacker;

class LineReader {
 public:
  static constexpr uint64_t kLineBytesMax = 64 << 20;
  static constexpr uint64_t kUnpackedBytesMax = uint64_t{256} << 30;

  /// Throws InputError: not readable, or Parquet (then with the line of Python that converts it).
  explicit LineReader(const std::filesystem::path& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// The next line, without its end, valid until the next call; false: there is none. Throws
  /// InputError "FILE:LINE: ...": data that are damaged or cut short, a line or a file that
  /// unpacks to more than the limits.
  bool next(std::string_view& line);
  uint64_t line_number() const { return line_number_; }  ///< Of the line read last; from 1.

 private:
  [[noreturn]] void fail(const std::string& what) const;
  /// Reads on; false at the end of the file.
  bool fill();

  std::string path_;
  MappedFile file_;
  std::unique_ptr<Unpacker> unpacker_;
  std::vector<char> buffer_;
  std::string_view rest_;  // Of the buffer.
  std::string line_;       // Of a line that began in a buffer before.
  uint64_t line_number_ = 0;
  uint64_t unpacked_bytes_ = 0;
};

}  // namespace thespis
