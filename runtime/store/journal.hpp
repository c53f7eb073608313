#pragma once
// An append-only file of records that survives a crash at any moment: the prompt ledger's history.
//   J-1  What append() returned for is durable. One append is one frame, written and synced as one.
//   J-2  A frame that a crash tore can only be the last: it is cut, and the cut is reported.
//   J-3  A damaged frame before a whole one was altered after it was durable: the journal is
//   refused.
// A frame is "TJRN", u32 payload bytes, u64 XXH3-64 of what follows, u64 sequence number, and the
// payload: for each record a u32 size and its bytes. Little-endian.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/env/file_system.hpp"

namespace thespis::store {

class Journal {
 public:
  /// Opens `path`, makes it where it does not exist. `files` outlives the journal. Throws Error
  /// where it is altered (J-3) or larger than kJournalBytesMax, FileError where it cannot be read
  /// or written.
  Journal(env::FileSystem& files, std::string path);

  /// Appends the records as one frame: after a crash all of them are there, or none. Throws
  /// FileError (DiskFull); then the journal is as before, or, where not even that could be done,
  /// refuses all more.
  void append(std::span<const std::string> records);
  void append(const std::string& record) { append({&record, 1}); }

  /// The records that were there when it was opened, oldest first; moved out.
  std::vector<std::string> take_recovered() { return std::move(recovered_); }
  /// Bytes of a torn frame that were cut from the end on opening.
  uint64_t cut_bytes() const { return cut_bytes_; }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  void read_frames(std::span<const std::byte> bytes);

  env::FileSystem& files_;
  std::string path_;
  std::unique_ptr<env::File> file_;
  std::vector<std::string> recovered_;
  uint64_t size_bytes_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t cut_bytes_ = 0;
  bool broken_ = false;
};

inline constexpr uint64_t kJournalBytesMax = uint64_t{1} << 30;
inline constexpr uint64_t kFrameBytesMax = 16 << 20;

}  // namespace thespis::store
