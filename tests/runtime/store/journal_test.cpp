// Goal: J-1 to J-3 (journal.hpp): what was appended is there after any crash; a torn end is cut and
// reported; a journal that was altered is refused, never silently shortened.
// Method: every length and every flipped bit of a small journal; every operation of an append
// failing; crashes under a file system that forgets what was not synced.

#include "runtime/store/journal.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "runtime/env/memory_file_system.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::store;
using env::KeyedRandom;
using env::MemoryFileSystem;

namespace {

using Records = std::vector<std::string>;
const std::string kPath = "ledger.journal";
const Records kFrames[] = {{"one"}, {"two", "", "three"}, {std::string("\0\xff", 2)}};
const Records kAll = {"one", "two", "", "three", std::string("\0\xff", 2)};

/// Writes kFrames; returns where each frame ends.
std::vector<uint64_t> write_frames(env::FileSystem& files, const std::string& path = kPath) {
  Journal journal(files, path);
  std::vector<uint64_t> ends;
  for (const Records& records : kFrames) {
    journal.append(records);
    ends.push_back(journal.size_bytes());
  }
  return ends;
}

}  // namespace

TEST_CASE("journal: what was appended is there when it is opened again") {
  MemoryFileSystem files;
  write_frames(files);
  Journal journal(files, kPath);
  CHECK(journal.take_recovered() == kAll);
  CHECK(journal.cut_bytes() == 0);
  journal.append("more");
  Records expected = kAll;
  expected.push_back("more");
  CHECK(Journal(files, kPath).take_recovered() == expected);
}

TEST_CASE("journal: a torn end is cut at every length, and records go on after it") {
  MemoryFileSystem files;
  const auto ends = write_frames(files);
  const auto whole = files.bytes_of(kPath);
  REQUIRE(ends.back() == whole.size());
  for (size_t size = 0; size <= whole.size(); ++size) {
    CAPTURE(size);
    files.bytes_of(kPath).assign(whole.begin(), whole.begin() + static_cast<long>(size));
    Records expected;
    uint64_t kept = 0;
    for (size_t i = 0; i < ends.size() && ends[i] <= size; ++i) {
      expected.insert(expected.end(), kFrames[i].begin(), kFrames[i].end());
      kept = ends[i];
    }
    Journal journal(files, kPath);
    REQUIRE(journal.take_recovered() == expected);
    REQUIRE(journal.cut_bytes() == size - kept);
    REQUIRE(files.bytes_of(kPath).size() == kept);
    journal.append("next");
    expected.push_back("next");
    Journal again(files, kPath);
    REQUIRE(again.take_recovered() == expected);
    REQUIRE(again.cut_bytes() == 0);
  }
}

TEST_CASE("journal: a flipped bit before a whole frame is refused, in the last frame it is cut") {
  MemoryFileSystem files;
  const auto ends = write_frames(files);
  const auto whole = files.bytes_of(kPath);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    CAPTURE(bit);
    files.bytes_of(kPath) = whole;
    files.bytes_of(kPath)[bit / 8] ^= std::byte{1} << (bit % 8);
    if (bit / 8 < ends[1]) {
      REQUIRE_THROWS_WITH(Journal(files, kPath),
                          Catch::Matchers::StartsWith("ledger.journal: altered at byte"));
      REQUIRE(files.bytes_of(kPath).size() == whole.size());
    } else {
      Journal journal(files, kPath);
      REQUIRE(journal.cut_bytes() == whole.size() - ends[1]);
      REQUIRE(journal.take_recovered().size() == kAll.size() - 1);
    }
  }
}

TEST_CASE("journal: a frame that is missing in the middle is refused") {
  MemoryFileSystem files;
  const auto ends = write_frames(files);
  auto& bytes = files.bytes_of(kPath);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<long>(ends[0]));
  CHECK_THROWS_WITH(Journal(files, kPath),
                    Catch::Matchers::StartsWith("ledger.journal: altered at byte 0"));
}

TEST_CASE("journal: an append that fails leaves it as before, and the next one succeeds") {
  for (uint64_t n = 0; n < 2; ++n) {  // The write, the sync.
    CAPTURE(n);
    MemoryFileSystem files;
    write_frames(files);
    Journal journal(files, kPath);
    const uint64_t before = journal.size_bytes();
    files.fail_at(n, ENOSPC, false);
    REQUIRE_THROWS_AS(journal.append("lost"), env::DiskFull);
    REQUIRE(files.bytes_of(kPath).size() == before);
    journal.append("kept");
    Records expected = kAll;
    expected.push_back("kept");
    REQUIRE(Journal(files, kPath).take_recovered() == expected);
  }
}

TEST_CASE("journal: where not even a failed append can be undone, no more is taken") {
  MemoryFileSystem files;
  Journal journal(files, kPath);
  journal.append("kept");
  files.fail_at(0, EIO, true);
  CHECK_THROWS_AS(journal.append("lost"), env::FileError);
  files.fail_never();
  CHECK_THROWS_WITH(journal.append("refused"),
                    "ledger.journal: takes no more records after a write "
                    "that failed");
  CHECK(Journal(files, kPath).take_recovered() == Records{"kept"});
}

TEST_CASE("journal: after a crash all that was promised is there, and at most one frame more",
          "[fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  KeyedRandom random(seed, env::Purpose::kSimulation, 6);
  int cut = 0, more = 0;
  for (int round = 0; round < 2000; ++round) {
    CAPTURE(round);
    MemoryFileSystem files;
    Records promised, offered;
    {
      Journal journal(files, kPath);
      files.fail_at(random.below(20), EIO, true);
      try {
        for (int i = 0;; ++i) {
          const std::string record(random.below(40), static_cast<char>('a' + i % 26));
          offered = promised;
          offered.push_back(record);
          journal.append(record);
          promised = offered;
        }
      } catch (const env::FileError&) {
        // The failure that was asked for.
      }
    }
    files.fail_never();
    files.crash(random);
    Journal journal(files, kPath);
    const Records found = journal.take_recovered();
    REQUIRE((found == promised || found == offered));
    cut += journal.cut_bytes() > 0;
    more += found != promised;
  }
  CHECK((cut > 100 && more > 100));
}

TEST_CASE("journal: the same on a real file system") {
  const test::TemporaryDirectory directory;
  env::RealFileSystem files;
  const std::string path = directory.path() + "/journal";
  const auto ends = write_frames(files, path);
  files.open_to_append(path)->truncate(ends[2] - 1);
  Journal journal(files, path);
  CHECK(journal.cut_bytes() == ends[2] - 1 - ends[1]);
  CHECK(journal.take_recovered() == Records(kAll.begin(), kAll.end() - 1));
  journal.append("next");
  CHECK(Journal(files, path).take_recovered().back() == "next");
}
