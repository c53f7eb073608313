#include "runtime/store/journal.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "runtime/base/assert.hpp"
#include "runtime/env/fault.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis::store {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr char kMagic[4] = {'T', 'J', 'R', 'N'};
constexpr size_t kSizeAt = 4, kChecksumAt = 8, kSequenceAt = 16, kHeaderBytes = 24;

template <class T>
T read_at(std::span<const std::byte> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void write_at(std::vector<std::byte>& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// Of the sequence number and the payload; of its size too, by how many bytes those are.
uint64_t frame_checksum(std::span<const std::byte> frame) {
  return XXH3_64bits(frame.data() + kSequenceAt, frame.size() - kSequenceAt);
}

/// The whole frame that begins at `at`, if one does.
std::optional<std::span<const std::byte>> frame_at(std::span<const std::byte> bytes, size_t at) {
  if (bytes.size() - at < kHeaderBytes) return std::nullopt;
  if (std::memcmp(bytes.data() + at, kMagic, sizeof kMagic) != 0) return std::nullopt;
  const uint32_t payload_bytes = read_at<uint32_t>(bytes, at + kSizeAt);
  if (payload_bytes > bytes.size() - at - kHeaderBytes) return std::nullopt;
  const auto frame = bytes.subspan(at, kHeaderBytes + payload_bytes);
  if (frame_checksum(frame) != read_at<uint64_t>(frame, kChecksumAt)) return std::nullopt;
  return frame;
}

/// The records of a payload; none where their sizes do not fill it.
std::optional<std::vector<std::string>> split_records(std::span<const std::byte> payload) {
  std::vector<std::string> records;
  while (payload.size() >= sizeof(uint32_t)) {
    const uint32_t size = read_at<uint32_t>(payload, 0);
    payload = payload.subspan(sizeof(uint32_t));
    if (size > payload.size()) return std::nullopt;
    records.emplace_back(reinterpret_cast<const char*>(payload.data()), size);
    payload = payload.subspan(size);
  }
  if (!payload.empty()) return std::nullopt;
  return records;
}

}  // namespace

Journal::Journal(env::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {
  const bool is_new = !files_.exists(path_);
  const auto bytes = is_new ? std::vector<std::byte>() : files_.read(path_, kJournalBytesMax);
  read_frames(bytes);
  file_ = files_.open_to_append(path_);
  if (is_new) files_.sync_directory(env::parent_directory(path_));
  if (cut_bytes_ > 0) {
    file_->truncate(size_bytes_);
    file_->sync();
  }
}

void Journal::read_frames(std::span<const std::byte> bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const auto frame = frame_at(bytes, at);
    if (!frame || read_at<uint64_t>(*frame, kSequenceAt) != next_sequence_) break;
    auto records = split_records(frame->subspan(kHeaderBytes));
    if (!records) break;
    std::move(records->begin(), records->end(), std::back_inserter(recovered_));
    at += frame->size();
    ++next_sequence_;
  }
  for (size_t later = at; later < bytes.size(); ++later) {
    const auto frame = frame_at(bytes, later);
    if (frame && read_at<uint64_t>(*frame, kSequenceAt) > next_sequence_)
      throw Error(
          fmt::format("{}: altered at byte {}: frame {} is damaged but frame {} after it is "
                      "whole; restore the file from a copy",
                      path_, at, next_sequence_, read_at<uint64_t>(*frame, kSequenceAt)));
  }
  size_bytes_ = at;
  cut_bytes_ = bytes.size() - at;
}

void Journal::append(std::span<const std::string> records) {
  if (broken_) throw Error(path_ + ": takes no more records after a write that failed");
  std::vector<std::byte> frame(kHeaderBytes);
  for (const std::string& record : records) {
    const size_t at = frame.size();
    frame.resize(at + sizeof(uint32_t) + record.size());
    write_at(frame, at, static_cast<uint32_t>(record.size()));
    std::memcpy(frame.data() + at + sizeof(uint32_t), record.data(), record.size());
  }
  THESPIS_ASSERT(frame.size() <= kFrameBytesMax);
  if (size_bytes_ + frame.size() > kJournalBytesMax)
    throw Error(fmt::format("{}: would exceed {} bytes", path_, kJournalBytesMax));
  std::memcpy(frame.data(), kMagic, sizeof kMagic);
  write_at(frame, kSizeAt, static_cast<uint32_t>(frame.size() - kHeaderBytes));
  write_at(frame, kSequenceAt, next_sequence_);
  write_at(frame, kChecksumAt, frame_checksum(frame));
  broken_ = true;  // Until the frame is durable, or taken back.
  try {
    file_->append(frame);
    if (THESPIS_FAULT(journal_sync_fails)) env::throw_file_error(path_, "synced", EIO);
    if (!THESPIS_MUTANT(journal_skips_sync)) file_->sync();
  } catch (const env::FileError&) {
    try {
      file_->truncate(size_bytes_);
      file_->sync();
      broken_ = false;
    } catch (const env::FileError&) {
      // Stays broken: what comes after a torn frame would be lost with it.
    }
    throw;
  }
  broken_ = false;
  size_bytes_ += frame.size();
  ++next_sequence_;
}

}  // namespace thespis::store
