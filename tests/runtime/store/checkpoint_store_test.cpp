// Goal: CS-1 to CS-4 (checkpoint_store.hpp): whatever is torn, altered, full or cut off, the newest
// checkpoint that is loaded is one that was saved, byte for byte, and none that was promised is
// lost. Method: every byte of a small checkpoint cut and flipped; every operation of a save
// failing; a crash after every operation, under a file system that forgets what was not synced.

#include "runtime/store/checkpoint_store.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "runtime/env/memory_file_system.hpp"
#include "runtime/store/checkpoint_format.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::store;
using Catch::Matchers::ContainsSubstring;
using env::KeyedRandom;
using env::MemoryFileSystem;

namespace {

const std::string kDirectory = "run/checkpoints";

std::string weights_of(uint64_t step) {
  return "weights of " + std::to_string(step);
}

void save(CheckpointStore& store, uint64_t step) {
  const std::string weights = weights_of(step), ledger = "l";
  const BlobView blobs[] = {{"weights", std::as_bytes(std::span(weights))},
                            {"ledger", std::as_bytes(std::span(ledger))},
                            {"empty", {}}};
  store.save({step, step, 77, "seed = 1\n"}, blobs);
}

/// The step of what is loaded, checked to be what was saved; 0 for none.
uint64_t loaded_step(const LoadResult& result) {
  if (!result.checkpoint) return 0;
  const Checkpoint& checkpoint = *result.checkpoint;
  const uint64_t step = checkpoint.info.step;
  const auto& bytes = checkpoint.blob("weights").bytes;
  REQUIRE(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) ==
          weights_of(step));
  REQUIRE(checkpoint.blob("ledger").bytes == std::vector{std::byte{'l'}});
  REQUIRE(checkpoint.blob("empty").bytes.empty());
  REQUIRE((checkpoint.info.policy_version == step && checkpoint.info.run_id == 77));
  REQUIRE(checkpoint.info.recipe == "seed = 1\n");
  return step;
}

uint64_t newest(MemoryFileSystem& files) {
  return loaded_step(CheckpointStore(files, kDirectory, 2).load_latest());
}

std::vector<std::string> names(const env::FileSystem& files, const std::string& path = kDirectory) {
  std::vector<std::string> out;
  for (const auto& entry : files.list(path)) out.push_back(entry.name);
  return out;
}

using Names = std::vector<std::string>;
const Names kFiles = {"empty", "ledger", "manifest", "weights"};

}  // namespace

TEST_CASE("checkpoints: the newest is loaded, and only the last are kept") {
  MemoryFileSystem files;
  CheckpointStore store(files, kDirectory, 2);
  CHECK_FALSE(store.load_latest().checkpoint);
  for (const uint64_t step : {9, 10, 100}) save(store, step);
  const auto result = store.load_latest();
  CHECK(loaded_step(result) == 100);
  CHECK(result.rejected.empty());
  CHECK_THROWS_AS(result.checkpoint->blob("none"), Error);
  CHECK(names(files) == Names{"step-000010", "step-000100"});
  CHECK(names(files, kDirectory + "/step-000100") == kFiles);
}

TEST_CASE(
    "checkpoints: a second one of a step is the newer, and the first stays until superseded") {
  MemoryFileSystem files;
  CheckpointStore store(files, kDirectory, 2);
  for (const uint64_t step : {1, 2, 2}) save(store, step);
  CHECK(names(files) == Names{"step-000002", "step-000002.2"});
  files.bytes_of(kDirectory + "/step-000002.2/weights")[0] ^= std::byte{1};
  const auto result = store.load_latest();
  CHECK(loaded_step(result) == 2);
  REQUIRE(result.rejected.size() == 1);
  CHECK(result.rejected[0].path == kDirectory + "/step-000002.2");
}

TEST_CASE("checkpoints: names that no checkpoint has are left alone and never loaded") {
  MemoryFileSystem files;
  CheckpointStore store(files, kDirectory, 1);
  save(store, 1);
  for (const std::string name : {"step-", "step-2", "step-000002.1", "step-000002.x", "other"})
    files.create_directories(kDirectory + "/" + name);
  files.create(kDirectory + "/step-000003");
  CHECK(newest(files) == 1);
  save(store, 4);
  CHECK(names(files) == Names{"other", "step-", "step-000002.1", "step-000002.x", "step-000003",
                              "step-000004", "step-2"});
}

TEST_CASE("checkpoints: any file torn at any byte is recognised, named, and the one before used") {
  for (const std::string& name : kFiles) {
    MemoryFileSystem files;
    CheckpointStore store(files, kDirectory, 2);
    save(store, 1);
    save(store, 2);
    auto& bytes = files.bytes_of(kDirectory + "/step-000002/" + name);
    const auto whole = bytes;
    for (size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(name, size);
      bytes.assign(whole.begin(), whole.begin() + static_cast<long>(size));
      const auto result = store.load_latest();
      REQUIRE(loaded_step(result) == 1);
      REQUIRE(result.rejected.size() == 1);
      REQUIRE(result.rejected[0].path == kDirectory + "/step-000002");
      REQUIRE_THAT(result.rejected[0].reason, ContainsSubstring(name));
    }
    bytes = whole;
    bytes.push_back(std::byte{0});
    CHECK(loaded_step(store.load_latest()) == 1);
    bytes = whole;
    CHECK(loaded_step(store.load_latest()) == 2);
    files.remove_tree(kDirectory + "/step-000002/" + name);
    const auto result = store.load_latest();
    CHECK(loaded_step(result) == 1);
    CHECK_THAT(result.rejected[0].reason, ContainsSubstring(name + ": missing"));
  }
}

TEST_CASE("checkpoints: any bit flipped in any file is recognised, and the one before used") {
  for (const std::string& name : kFiles) {
    MemoryFileSystem files;
    CheckpointStore store(files, kDirectory, 2);
    save(store, 1);
    save(store, 2);
    auto& bytes = files.bytes_of(kDirectory + "/step-000002/" + name);
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      CAPTURE(name, bit);
      const auto mask = std::byte{1} << (bit % 8);
      bytes[bit / 8] ^= mask;
      const auto result = store.load_latest();
      REQUIRE(loaded_step(result) == 1);
      REQUIRE_THAT(result.rejected.at(0).reason, ContainsSubstring(name));
      bytes[bit / 8] ^= mask;
    }
  }
}

TEST_CASE(
    "checkpoints: a manifest with a right checksum and a wrong structure is a reason, no crash",
    "[fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  KeyedRandom random(seed, env::Purpose::kSimulation, 4);
  MemoryFileSystem files;
  CheckpointStore store(files, kDirectory, 2);
  save(store, 1);
  save(store, 2);
  auto& bytes = files.bytes_of(kDirectory + "/step-000002/manifest");
  const auto whole = bytes;
  int rejected = 0, accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    bytes = whole;
    for (uint32_t n = 1 + random.below(3); n > 0; --n)
      bytes[16 + random.below(static_cast<uint32_t>(whole.size() - 16))] =
          static_cast<std::byte>(random.below(256));
    const uint64_t sum = checksum(std::span(bytes).subspan(16));
    std::copy_n(std::as_bytes(std::span(&sum, 1)).begin(), 8, bytes.begin() + 8);
    const auto result = store.load_latest();
    REQUIRE(result.checkpoint);
    if (result.checkpoint->info.step == 1) {
      REQUIRE(result.rejected.size() == 1);
      ++rejected;
    } else {
      ++accepted;  // Other words of the recipe, another run: that is what a checksum is for.
    }
  }
  CHECK((rejected > 100 && accepted > 100));
}

TEST_CASE("checkpoints: a damaged one is not counted among those that are kept") {
  MemoryFileSystem files;
  {
    CheckpointStore store(files, kDirectory, 2);
    save(store, 1);
    save(store, 2);
  }
  files.bytes_of(kDirectory + "/step-000002/weights")[0] ^= std::byte{1};
  CheckpointStore store(files, kDirectory, 2);  // Another process: it has not read them.
  save(store, 3);
  CHECK(names(files) == Names{"step-000001", "step-000002", "step-000003"});
  save(store, 4);
  CHECK(names(files) == Names{"step-000003", "step-000004"});
}

TEST_CASE("checkpoints: a disk that is full at any operation leaves the one before, and says so") {
  bool reached_success = false;
  int failures = 0;
  for (const bool for_good : {false, true}) {
    for (uint64_t n = 0; n < 100; ++n) {
      CAPTURE(for_good, n);
      MemoryFileSystem files;
      CheckpointStore store(files, kDirectory, 1);
      save(store, 1);
      files.fail_at(n, ENOSPC, for_good);
      try {
        save(store, 2);
        reached_success = true;
        break;
      } catch (const env::DiskFull& error) {
        ++failures;
        const std::string text = error.what();
        CAPTURE(text);
        files.fail_never();
        const uint64_t step = newest(files);
        REQUIRE((step == 1 || step == 2));
        if (text.starts_with("checkpoint of step 2 was not saved")) {
          REQUIRE(text.find(kDirectory) != text.npos);
          const auto usable = "that of step " + std::to_string(step) + " is still usable";
          REQUIRE(text.ends_with(usable));
        } else {
          REQUIRE(step == 2);  // Only the deletion of the old one failed.
        }
        save(store, 3);  // Room again: the next save succeeds, over whatever was left.
        REQUIRE(newest(files) == 3);
        REQUIRE(names(files) == Names{"step-000003"});
      }
    }
  }
  CHECK(reached_success);
  CHECK(failures >= 2 * 12);  // Four files, each created, written and synced.
}

TEST_CASE("checkpoints: a first save that fails says that there is no earlier one") {
  MemoryFileSystem files;
  CheckpointStore store(files, kDirectory, 1);
  files.fail_at(3, EIO, false);
  CHECK_THROWS_WITH(save(store, 1), ContainsSubstring("there is no earlier one"));
  CHECK(newest(files) == 0);
}

TEST_CASE("checkpoints: a crash after any operation loses no saved one and shows no torn one",
          "[fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  KeyedRandom random(seed, env::Purpose::kSimulation, 5);
  int crashes = 0, newer = 0, older = 0;
  for (int round = 0; round < 40; ++round) {
    for (uint64_t n = 0;; ++n) {
      CAPTURE(round, n);
      MemoryFileSystem files;
      CheckpointStore store(files, kDirectory, 1);
      files.create_directories("run");
      files.sync_directory(".");
      save(store, 1);
      files.fail_at(n, EIO, true);  // Nothing is done any more: the process is dead.
      bool saved = true;
      try {
        save(store, 2);
      } catch (const env::FileError&) {
        saved = false;
      }
      files.fail_never();
      files.crash(random);
      const uint64_t step = newest(files);
      REQUIRE((step == 2 || (step == 1 && !saved)));
      ++(step == 2 ? newer : older);
      CheckpointStore next(files, kDirectory, 1);
      save(next, 3);
      REQUIRE(newest(files) == 3);
      if (saved) break;
      ++crashes;
    }
  }
  CHECK((crashes > 400 && newer > 40 && older > 40));
}

TEST_CASE("checkpoints: the same on a real file system") {
  const test::TemporaryDirectory directory;
  env::RealFileSystem files;
  const std::string path = directory.path() + "/run/checkpoints";
  CheckpointStore store(files, path, 2);
  for (const uint64_t step : {1, 2, 3}) save(store, step);
  CHECK(loaded_step(CheckpointStore(files, path, 2).load_latest()) == 3);
  CHECK(names(files, path) == Names{"step-000002", "step-000003"});
  files.open_to_append(path + "/step-000003/weights")->truncate(3);
  const auto result = store.load_latest();
  CHECK(loaded_step(result) == 2);
  CHECK(result.rejected.at(0).reason == "blob weights: 3 bytes, not 12");
}
