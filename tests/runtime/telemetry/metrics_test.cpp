// Goal: each step has one whole line in metrics.jsonl, also after a run was killed and resumed.
// Method: a file as a killed run leaves it, resumed; the file read back as JSON.

#include "runtime/telemetry/metrics.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "runtime/env/memory_file_system.hpp"
#include "runtime/telemetry/log.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::telemetry;
using Json = nlohmann::ordered_json;

namespace {

std::string text_of(const env::FileSystem& files, const std::string& path) {
  const auto bytes = files.read(path, kMetricsBytesMax);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("metrics: a line an object, in the order of its keys, complete at once") {
  env::MemoryFileSystem files;
  MetricsWriter writer(files, "m");
  writer.write({{"step", 1}, {"reward", 0.5}, {"age", 0}});
  CHECK(text_of(files, "m") == "{\"step\":1,\"reward\":0.5,\"age\":0}\n");
  writer.write({{"step", 2}, {"kl", std::nan("")}, {"text", "a\n\xff"}});
  CHECK(text_of(files, "m").ends_with("{\"step\":2,\"kl\":null,\"text\":\"a\\n\uFFFD\"}\n"));
}

TEST_CASE("metrics: a resumed run writes no step twice and leaves no torn line") {
  env::MemoryFileSystem files;
  {
    MetricsWriter writer(files, "m");
    for (int step = 0; step <= 4; ++step) writer.write({{"step", step}, {"x", 1}});
  }
  auto& bytes = files.bytes_of("m");
  bytes.resize(bytes.size() - 3);  // Step 4 was being written.
  {
    auto writer = MetricsWriter::resume(files, "m", 2);
    writer.write({{"step", 3}, {"x", 2}});
  }
  std::istringstream lines(text_of(files, "m"));
  std::vector<std::pair<int, int>> found;
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line);
    found.emplace_back(json["step"], json["x"]);
  }
  CHECK(found == std::vector<std::pair<int, int>>{{0, 1}, {1, 1}, {2, 1}, {3, 2}});
}

TEST_CASE(
    "metrics: resuming without a file begins one, and one that needs no repair is not rewritten") {
  env::MemoryFileSystem files;
  MetricsWriter::resume(files, "m", 5).write({{"step", 6}});
  const uint64_t before = files.operations();
  MetricsWriter::resume(files, "m", 6);
  CHECK(files.operations() == before + 1);  // The opening alone.
  CHECK(text_of(files, "m") == "{\"step\":6}\n");
}

TEST_CASE("summary: a failed write leaves the one before") {
  env::MemoryFileSystem files;
  write_summary(files, "s", {{"steps", 1}});
  CHECK(Json::parse(text_of(files, "s")) == Json{{"steps", 1}});
  for (uint64_t n = 0; n < 4; ++n) {  // Create, write, sync, rename.
    files.fail_at(n, ENOSPC, false);
    CHECK_THROWS_AS(write_summary(files, "s", {{"steps", 2}}), env::DiskFull);
    files.fail_never();
    CHECK(Json::parse(text_of(files, "s")) == Json{{"steps", 1}});
  }
}

TEST_CASE("log: lines go to the file, and a path that cannot be is named") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/thespis.log";
  const auto log = open_log(path, "conductor");
  log->info("step {}", 3);
  log->warn("late");
  std::ifstream file(path);
  std::string first, second;
  std::getline(file, first);
  std::getline(file, second);
  CHECK(first.ends_with(" info [conductor] step 3"));
  CHECK(second.ends_with(" warning [conductor] late"));
  CHECK_THROWS_AS(open_log(directory.path(), "x"), Error);
}
