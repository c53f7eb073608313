// Goal: weights in shards are those in one file; an index that lies is refused; gigabytes open
// without being read; a writer that dies leaves the old weights, the new ones or none.
// Method: small models written in shards of every size; one fault at a time; a sparse directory of
// Llama-3.1-8B's size; every file operation failing in turn.

#include "model/hf/weight_files.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/hf/hf_config.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/hf/known_models.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/memory_file_system.hpp"
#include "tests/model/files.hpp"
#include "tests/model/small_config.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

ModelConfig small_config() {
  ModelConfig c = test::small_config("qwen3", false);
  c.vocab_size = 24;
  c.hidden_size = 16;
  c.layer_count = 3;
  c.head_dim = 8;
  c.ffn_size = 20;
  return c;
}

std::vector<TensorToWrite> tensors_of(const Weights& weights) {
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : weights.layout.tensors)
    tensors.push_back({spec.name, spec.shape(), read_values(weights.tensor(spec))});
  return tensors;
}

size_t shard_count(const fs::path& dir) {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(dir))
    count += entry.path().filename().string().starts_with("model-");
  return count;
}

std::string refusal(const fs::path& dir) {
  try {
    WeightFiles::open(dir).require_fit(load_config(dir));
  } catch (const InputError& e) {
    return e.what();
  }
  return "(accepted)";
}

long resident_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stol(line.substr(8));
  return 0;
}

}  // namespace

TEST_CASE("weight files: shards of any size hold the same weights, over what was there before") {
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  size_t shards_before = 0;
  for (const uint64_t bytes_max : {1ull, 3000ull, 10'000ull, 1ull << 40, 5000ull}) {
    CAPTURE(bytes_max);
    const Weights weights = init_weights(small_config(), bytes_max);
    save_model(dir, weights, {}, {.shard_bytes_max = bytes_max});
    CHECK(load_weights(dir).checksum() == weights.checksum());
    const bool single = fs::exists(dir / kWeightsFile);
    CHECK(single == (bytes_max > 1'000'000));
    CHECK(fs::exists(dir / kIndexFile) == !single);
    CHECK(single == (shard_count(dir) == 0));
    CHECK(shard_count(dir) != shards_before);
    shards_before = shard_count(dir);
    const auto files = WeightFiles::open(dir);
    CHECK(files.tensor_count() == weights.layout.tensors.size());
    CHECK(files.byte_count() == 4 * weights.layout.parameter_count());
    for (const SafetensorsFile& file : files.files())
      CHECK((file.tensors().size() == 1 || fs::file_size(file.path()) < bytes_max + 4000));
  }
}

TEST_CASE("weight files: half and bfloat weights are written rounded and read exactly") {
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  const Weights weights = init_weights(small_config(), 4);
  for (const Dtype dtype : {Dtype::kF16, Dtype::kBF16}) {
    save_model(dir, weights, {}, {.dtype = dtype, .shard_bytes_max = 4000});
    const Weights rounded = load_weights(dir);
    float worst = 0;
    for (uint64_t i = 0; i < weights.arena.size(); ++i)
      worst = std::max(worst, std::abs(weights.arena.data()[i] - rounded.arena.data()[i]));
    CHECK(worst > 0);
    CHECK(worst < (dtype == Dtype::kF16 ? 1e-4f : 5e-4f));
    const json config = json::parse(test::read_bytes(dir / kConfigFile));
    CHECK(config["torch_dtype"] == (dtype == Dtype::kF16 ? "float16" : "bfloat16"));
    save_model(dir, rounded, {}, {.dtype = dtype});  // What a format holds, it holds for good.
    CHECK(load_weights(dir).checksum() == rounded.checksum());
  }
}

TEST_CASE("weight files: an index that does not say what the shards hold is refused") {
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  const Weights weights = init_weights(small_config(), 1);
  save_model(dir, weights, {}, {.shard_bytes_max = 8000});
  const std::string good = test::read_bytes(dir / kIndexFile);
  const std::string norm = "model.norm.weight";
  const auto with = [&](const auto& change) {
    json index = json::parse(good);
    change(index);
    test::write_file(dir / kIndexFile, index.dump());
    return refusal(dir);
  };
  const json map = json::parse(good)["weight_map"];
  std::string other;
  for (const auto& [name, file] : map.items())
    if (file != map[norm]) other = file;
  CHECK(with([](json&) {}) == "(accepted)");
  CHECK_THAT(with([](json& i) { i.erase("weight_map"); }),
             ContainsSubstring("weight_map is missing"));
  CHECK_THAT(with([](json& i) { i["weight_map"] = json::object(); }),
             ContainsSubstring("is empty"));
  CHECK_THAT(with([](json& i) { i["weight_map"] = 1; }), ContainsSubstring("must be an object"));
  CHECK_THAT(with([&](json& i) { i["weight_map"].erase(norm); }),
             ContainsSubstring("tensor \"model.norm.weight\" is not what model.safetensors.index"));
  CHECK_THAT(with([&](json& i) { i["weight_map"][norm] = other; }), ContainsSubstring(norm));
  CHECK_THAT(with([&](json& i) { i["weight_map"]["extra"] = other; }),
             ContainsSubstring("index.json: tensor \"extra\" is not in model-"));
  CHECK_THAT(with([&](json& i) { i["weight_map"][norm] = "gone.safetensors"; }),
             ContainsSubstring("gone.safetensors: cannot be opened"));
  for (const char* path :
       {"/etc/passwd", "../x.safetensors", "a/b.safetensors", ".safetensors", ""})
    CHECK_THAT(with([&](json& i) { i["weight_map"][norm] = path; }),
               ContainsSubstring("a .safetensors file of the same directory is expected"));
  CHECK_THAT(with([&](json& i) { i["weight_map"][norm] = 7; }), ContainsSubstring("is in 7;"));
}

TEST_CASE("weight files: tensors that no kernel reads are named with their dtype") {
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  save_model(dir, init_weights(small_config(), 1), {});
  std::string bytes = test::read_bytes(dir / kWeightsFile);
  const std::string entry = R"("model.norm.weight":{"dtype":"F32")";
  bytes.replace(bytes.find(entry) + entry.size() - 4, 3, "I32");
  test::write_file(dir / kWeightsFile, bytes);
  CHECK_THAT(refusal(dir), ContainsSubstring("tensor model.norm.weight has dtype I32; supported:"));
}

TEST_CASE("weight files: 16 GB open without being read") {
  // Files with holes for data: opening and checking must not touch them.
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  const ModelConfig config = known_model("llama-3.1-8b");
  test::write_file(dir / kConfigFile, config_to_json(config, Dtype::kBF16));
  json map;
  const auto layout = WeightLayout::of(config);
  constexpr size_t kTensorsAShard = 80;
  for (size_t first = 0; first < layout.tensors.size(); first += kTensorsAShard) {
    const std::string name = "model-" + std::to_string(first) + ".safetensors";
    json header;
    uint64_t end = 0;
    for (size_t t = first; t < std::min(first + kTensorsAShard, layout.tensors.size()); ++t) {
      const TensorSpec& spec = layout.tensors[t];
      header[spec.name] = {{"dtype", "BF16"},
                           {"shape", spec.shape()},
                           {"data_offsets", {end, end + 2 * spec.size()}}};
      end += 2 * spec.size();
      map[spec.name] = name;
    }
    const std::string text = header.dump();
    const uint64_t size = text.size();
    std::string begin(sizeof size, '\0');
    std::memcpy(begin.data(), &size, sizeof size);
    test::write_file(dir / name, begin + text);
    fs::resize_file(dir / name, begin.size() + size + end);
  }
  test::write_file(dir / kIndexFile, json{{"weight_map", map}}.dump());
  const long before = resident_kb();
  const auto files = WeightFiles::open(dir);
  files.require_fit(load_config(dir));
  CHECK(files.files().size() == 4);
  CHECK(files.byte_count() == 2 * 8'030'261'248);
  std::vector<float> values(1000, 1.0f);
  files.read("lm_head.weight", 500'000'000, values);
  CHECK(values == std::vector<float>(1000, 0.0f));
  CHECK(resident_kb() - before < 64 << 10);
}

TEST_CASE("weight files: a writer that dies leaves the old weights, the new ones or none") {
  const Weights old_weights = init_weights(small_config(), 1);
  const Weights new_weights = init_weights(small_config(), 2);
  constexpr uint64_t kOne = 1 << 30, kSome = 12'000;
  const auto write = [](env::MemoryFileSystem& files, const Weights& weights, uint64_t bytes_max) {
    files.create_directories("d");
    write_weights(files, "d", tensors_of(weights), Dtype::kF32, bytes_max);
  };
  // What a loader finds in `files`: it prefers the one file, and goes by the index else.
  const auto found = [&](env::MemoryFileSystem& files) -> std::string {
    const auto same = [&](const Weights& weights, uint64_t bytes_max) {
      env::MemoryFileSystem other;
      write(other, weights, bytes_max);
      for (const auto& entry : other.list("d"))
        if (!files.exists("d/" + entry.name) ||
            files.bytes_of("d/" + entry.name) != other.bytes_of("d/" + entry.name))
          return false;
      return true;
    };
    const bool single = files.exists(std::string("d/") + kWeightsFile);
    if (!single && !files.exists(std::string("d/") + kIndexFile)) return "none";
    const uint64_t bytes_max = single ? kOne : kSome;
    if (same(old_weights, bytes_max)) return "old";
    return same(new_weights, bytes_max) ? "new" : "mixed";
  };
  for (const uint64_t before : {kOne, kSome})
    for (const uint64_t after : {kOne, kSome}) {
      env::MemoryFileSystem whole;
      write(whole, old_weights, before);
      const uint64_t first = whole.operations();
      write(whole, new_weights, after);
      CHECK(found(whole) == "new");
      const uint64_t operations = whole.operations() - first;
      std::string last = "old";
      for (uint64_t n = 0; n < operations; ++n) {
        CAPTURE(before, after, n, operations);
        env::MemoryFileSystem files;
        write(files, old_weights, before);
        files.fail_at(n, EIO, true);
        CHECK_THROWS_AS(write(files, new_weights, after), env::FileError);
        const std::string now = found(files);
        CHECK((now == "old" || now == "none" || now == "new"));
        CHECK_FALSE((last == "new" && now != "new"));
        last = now;
      }
    }
}

TEST_CASE("weight files: random mutations of an index give InputErrors and nothing else",
          "[fuzz]") {
  CAPTURE(test::seed());
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  save_model(dir, init_weights(small_config(), 1), {}, {.shard_bytes_max = 8000});
  auto pieces = test::json_pieces();
  pieces.insert(pieces.end(), {"../", "model-00001-of-00004.safetensors", "weight_map", "/"});
  test::Mutations mutations(21, {test::read_bytes(dir / kIndexFile)}, pieces);
  int refused = 0, accepted = 0;
  mutations.run("model.safetensors.index.json", 1500, [&](const std::string& mutated) {
    test::write_file(dir / kIndexFile, mutated);
    (refusal(dir) == "(accepted)" ? accepted : refused) += 1;
  });
  CHECK((refused > 0 && accepted > 0));
}
