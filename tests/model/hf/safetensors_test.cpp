// Goal: what the Hugging Face library writes is read as it means it, what we write is read back
// equal, and a damaged or hostile file is one InputError.
// Method: a golden file (tests/golden/make_hf_goldens.py), headers by hand, a file cut at every
// length, random mutations, every file operation failing in turn.

#include "model/hf/safetensors.hpp"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "model/hf/safetensors_writer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/memory_file_system.hpp"
#include "tests/model/files.hpp"
#include "tests/support/goldens.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/seeds.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

std::string with_header(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes + header + data;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

/// A directory with one file, opened again for each content.
struct Fixture {
  test::TemporaryDirectory directory;
  std::filesystem::path path = std::filesystem::path(directory.path()) / "m.safetensors";

  SafetensorsFile open(const std::string& bytes) {
    test::write_file(path, bytes);
    return SafetensorsFile::open(path);
  }
  std::string refusal(const std::string& bytes) {
    try {
      open(bytes);
    } catch (const InputError& e) {
      return e.what();
    }
    return "(accepted)";
  }
};

std::vector<float> values_of(const SafetensorsFile& file, const TensorEntry& entry) {
  std::vector<float> values(entry.element_count());
  file.read(entry, 0, values);
  return values;
}

/// Two tensors of 2 x 3 and 5 values.
std::string small_file() {
  env::MemoryFileSystem files;
  const std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = {-1, 0.5f, 1e-30f, 7, 8};
  write_safetensors(files, "m", {{"b", {5}, read_values(b)}, {"a", {2, 3}, read_values(a)}});
  const auto& bytes = files.bytes_of("m");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("safetensors: a file of the Hugging Face library") {
  const json golden = test::goldens("hf_goldens.json")["files"][0];
  Fixture fixture;
  const auto file = fixture.open(from_hex(golden["hex"]));
  CHECK(file.metadata().at("note") == "golden");
  CHECK(file.tensors().size() == golden["tensors"].size());
  for (const auto& [name, expected] : golden["tensors"].items()) {
    CAPTURE(name);
    const TensorEntry* entry = file.find(name);
    REQUIRE(entry != nullptr);
    CHECK(entry->shape == expected["shape"].get<std::vector<uint64_t>>());
    if (name == "ints") {
      CHECK(entry->dtype == "I64");
      CHECK_THROWS_WITH(values_of(file, *entry), ContainsSubstring("tensor \"ints\" has dtype I64; "
                                                                   "supported: F32, F16, BF16"));
      continue;
    }
    const auto values = values_of(file, *entry);
    const auto wanted = expected["values"].get<std::vector<double>>();
    REQUIRE(values.size() == wanted.size());
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(values[i] == wanted[i]);  // Both half formats are exact in float32.
      CHECK(std::signbit(values[i]) == std::signbit(wanted[i]));
    }
  }
  CHECK(file.find("none") == nullptr);
}

TEST_CASE("safetensors: every half and bfloat value converts as its format defines it") {
  Fixture fixture;
  for (const bool brain : {false, true}) {
    std::string data, finite;
    std::vector<double> expected;
    const int exponent_bits = brain ? 8 : 5, fraction_bits = brain ? 7 : 10;
    const int bias = (1 << (exponent_bits - 1)) - 1;
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
      const double fraction = std::ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
      if (exponent == (1 << exponent_bits) - 1) continue;  // Infinities and NaN are refused.
      const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias)
                                             : std::ldexp(1 + fraction, exponent - bias);
      expected.push_back((bits & 0x8000) != 0 ? -magnitude : magnitude);
      data.push_back(static_cast<char>(bits & 0xff));
      data.push_back(static_cast<char>(bits >> 8));
    }
    const json header = {{"x",
                          {{"dtype", brain ? "BF16" : "F16"},
                           {"shape", {expected.size()}},
                           {"data_offsets", {0, data.size()}}}}};
    const auto file = fixture.open(with_header(header.dump(), data));
    const auto values = values_of(file, *file.find("x"));
    size_t different = 0;
    for (size_t i = 0; i < values.size(); ++i) different += values[i] != expected[i];
    CHECK(different == 0);
    CHECK(values.size() == 65536u - 2 * (1u << fraction_bits));
  }
}

TEST_CASE("safetensors: values that are not finite are refused with their place") {
  Fixture fixture;
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    const float values[] = {1, 2, bad};
    const std::string data(reinterpret_cast<const char*>(values), sizeof values);
    const auto file = fixture.open(
        with_header(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})", data));
    CHECK_THROWS_WITH(values_of(file, *file.find("x")),
                      ContainsSubstring("not finite, at element 2"));
  }
}

TEST_CASE("safetensors: what is written is read back, ordered and aligned") {
  Fixture fixture;
  const std::string bytes = small_file();
  const auto file = fixture.open(bytes);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  REQUIRE(file.tensors().size() == 2);
  CHECK(file.tensors()[0].name == "a");
  CHECK(file.tensors()[0].shape == std::vector<uint64_t>{2, 3});
  CHECK(values_of(file, *file.find("a")) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(values_of(file, *file.find("b")) == std::vector<float>{-1, 0.5f, 1e-30f, 7, 8});
  uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  CHECK(header_size % 8 == 0);
  CHECK(bytes.size() == 8 + header_size + 44);
}

TEST_CASE("safetensors: bad headers are refused for what is wrong with them") {
  Fixture fixture;
  const std::string data(8, '\0');
  const auto refusal = [&](const std::string& header) {
    return fixture.refusal(with_header(header, data));
  };
  const auto tensor = [](const char* name, const char* dtype, const char* shape,
                         const char* offsets) {
    return std::string("\"") + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  };
  const std::string x = tensor("x", "F32", "[2]", "[0,8]");
  CHECK(refusal("{" + x + "}") == "(accepted)");
  CHECK(refusal("{" + x + "}   ") == "(accepted)");  // Padding.
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[3]", "[0,8]") + "}"),
             ContainsSubstring("\"x\" has 8 bytes, which its shape [3] and dtype F32"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[2]", "[4,12]") + "}"),
             ContainsSubstring("ends at byte 12 of the data, which has 8"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[2]", "[8,0]") + "}"),
             ContainsSubstring("not [begin, end]"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[2]", "[0,8,8]") + "}"),
             ContainsSubstring("at most 2"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[1]", "[0,4]") + "}"),
             ContainsSubstring("bytes after the last tensor"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[1]", "[4,8]") + "}"),
             ContainsSubstring("a hole in the data before tensor \"x\""));
  CHECK_THAT(refusal("{" + x + "," + tensor("y", "F32", "[1]", "[4,8]") + "}"),
             ContainsSubstring("overlaps"));
  CHECK_THAT(refusal("{" + x + "," + tensor("y", "F32", "[2]", "[0,8]") + "}"),
             ContainsSubstring("overlaps"));
  CHECK_THAT(refusal("{" + x + "," + x + "}"), ContainsSubstring("two tensors named \"x\""));
  CHECK_THAT(refusal("{" + tensor("x", "F33", "[2]", "[0,8]") + "}"),
             ContainsSubstring("unknown dtype \"F33\""));
  // 2^62 + 2 elements of 4 bytes: in 64 bits that is 8.
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[4611686018427387906]", "[0,8]") + "}"),
             ContainsSubstring("do not come to"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[-2]", "[0,8]") + "}"), ContainsSubstring("shape"));
  CHECK_THAT(refusal("{" + tensor("x", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") + "}"),
             ContainsSubstring("at most 8"));
  CHECK_THAT(refusal(R"({"x":{"dtype":"F32","shape":[2]}})"), ContainsSubstring("data_offsets"));
  CHECK_THAT(refusal(R"({"x":5})"), ContainsSubstring("data_offsets"));
  CHECK_THAT(refusal("{" + x + R"(,"__metadata__":5})"), ContainsSubstring("__metadata__"));
  CHECK_THAT(refusal("{" + x + R"(,"__metadata__":{"a":5}})"), ContainsSubstring("__metadata__"));
  CHECK_THAT(refusal("[]"), ContainsSubstring("does not begin with {"));
  CHECK_THAT(refusal(""), ContainsSubstring("does not begin with {"));
  CHECK_THAT(refusal("{"), ContainsSubstring("not valid JSON"));
  CHECK_THAT(refusal(std::string(1 << 20, '[').insert(0, "{\"x\":")),
             ContainsSubstring("not valid"));
  CHECK_THAT(fixture.refusal(std::string(8, '\xff')), ContainsSubstring("18446744073709551615"));
  CHECK_THAT(fixture.refusal(""), ContainsSubstring("too short"));
}

TEST_CASE("safetensors: a file cut short at any length is one InputError") {
  Fixture fixture;
  const std::string bytes = small_file();
  for (size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(fixture.refusal(bytes.substr(0, length)) != "(accepted)");
  }
  CHECK(fixture.refusal(bytes + '\0') != "(accepted)");
  CHECK(fixture.refusal(bytes) == "(accepted)");
}

TEST_CASE("safetensors: random mutations give InputErrors and nothing else", "[fuzz]") {
  CAPTURE(test::seed());
  Fixture fixture;
  const json golden = test::goldens("hf_goldens.json")["files"][0];
  auto pieces = test::json_pieces();
  pieces.insert(pieces.end(), {"\"F16\"", "\"BF16\"", "\"data_offsets\"", "\"shape\"", "8", "44"});
  test::Mutations mutations(13, {small_file(), from_hex(golden["hex"])}, pieces);
  int refused = 0, accepted = 0;
  mutations.run("safetensors", 3000, [&](const std::string& mutated) {
    try {
      const auto file = fixture.open(mutated);
      ++accepted;
      for (const TensorEntry& entry : file.tensors()) values_of(file, entry);
    } catch (const InputError&) {
      ++refused;
    }
  });
  CHECK((refused > 0 && accepted > 0));
}

TEST_CASE("safetensors: a write that fails anywhere leaves the old file") {
  const std::vector<float> old_values = {1, 2}, new_values = {3, 4, 5};
  const auto write = [](env::MemoryFileSystem& files, const std::vector<float>& values) {
    write_safetensors(files, "m", {{"x", {values.size()}, read_values(values)}});
  };
  env::MemoryFileSystem whole;
  write(whole, new_values);
  const uint64_t operations = whole.operations();
  CHECK(operations >= 7);  // Create, three appends, sync, rename, sync of the directory.
  const auto new_bytes = whole.bytes_of("m");
  for (uint64_t n = 0; n < operations; ++n) {
    for (const bool for_good : {false, true}) {
      CAPTURE(n, for_good);
      env::MemoryFileSystem files;
      write(files, old_values);
      const auto old_bytes = files.bytes_of("m");
      files.fail_at(n, ENOSPC, for_good);
      CHECK_THROWS_AS(write(files, new_values), env::DiskFull);
      // Only the very last operation, which makes the rename durable, comes after it.
      CHECK(files.bytes_of("m") == (n + 1 < operations ? old_bytes : new_bytes));
    }
  }
}
