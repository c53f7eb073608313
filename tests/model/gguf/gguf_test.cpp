// Goal: a GGUF file holds the model's numbers where llama.cpp looks for them, and its tokenizer.
// Method: small models exported and read by a reader of our own, written from the format's
// description; values compared with the weights. (tests/golden/check_with_llama_cpp.py opens such
// files with llama.cpp itself.)

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "model/gguf/gguf_export.hpp"
#include "model/gguf/gguf_tokenizer.hpp"
#include "model/hf/hf_directory.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/memory_file_system.hpp"
#include "tests/model/files.hpp"
#include "tests/model/small_config.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// Reads what it needs of GGUF version 3; throws where the file ends too soon.
class Reader {
 public:
  struct Tensor {
    std::vector<uint64_t> dims;
    uint32_t type;
    uint64_t offset;
  };
  std::map<std::string, json> values;
  std::map<std::string, Tensor> tensors;
  size_t data = 0;

  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {
    REQUIRE(bytes_.substr(0, 4) == "GGUF");
    at_ = 4;
    REQUIRE(get<uint32_t>() == 3);
    const auto tensor_count = get<uint64_t>(), value_count = get<uint64_t>();
    for (uint64_t i = 0; i < value_count; ++i) {
      const std::string key = text();
      const auto type = get<uint32_t>();
      REQUIRE_FALSE(values.contains(key));
      values[key] = value(type);
    }
    for (uint64_t i = 0; i < tensor_count; ++i) {
      const std::string name = text();
      Tensor& t = tensors[name];
      t.dims.resize(get<uint32_t>());
      for (uint64_t& d : t.dims) d = get<uint64_t>();
      t.type = get<uint32_t>();
      t.offset = get<uint64_t>();
      CHECK(t.offset % 32 == 0);
    }
    data = (at_ + 31) / 32 * 32;
  }
  /// The elements of an F32, F16, BF16 or Q8_0 tensor.
  std::vector<float> floats(const std::string& name) const {
    const Tensor& t = tensors.at(name);
    uint64_t count = 1;
    for (const uint64_t d : t.dims) count *= d;
    std::vector<float> out(count);
    const char* from = bytes_.data() + data + t.offset;
    for (uint64_t i = 0; i < count; ++i) {
      uint16_t half = 0;
      if (t.type == 0) std::memcpy(&out[i], from + 4 * i, 4);
      if (t.type == 1 || t.type == 30) std::memcpy(&half, from + 2 * i, 2);
      if (t.type == 1) out[i] = half_to_float(half);
      if (t.type == 30) out[i] = bfloat_to_float(half);
      if (t.type != 8) continue;
      std::memcpy(&half, from + i / 32 * 34, 2);
      out[i] = half_to_float(half) * static_cast<int8_t>(from[i / 32 * 34 + 2 + i % 32]);
    }
    return out;
  }

 private:
  template <class T>
  T get() {
    T v;
    REQUIRE(at_ + sizeof v <= bytes_.size());
    std::memcpy(&v, bytes_.data() + at_, sizeof v);
    at_ += sizeof v;
    return v;
  }
  std::string text() {
    const auto size = get<uint64_t>();
    REQUIRE(size <= bytes_.size() - at_);
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  json value(uint32_t type) {
    if (type == 4) return get<uint32_t>();
    if (type == 5) return get<int32_t>();
    if (type == 6) return get<float>();
    if (type == 7) return get<uint8_t>() != 0;
    if (type == 8) return text();
    REQUIRE(type == 9);
    const auto element = get<uint32_t>();
    json list = json::array();
    for (auto n = get<uint64_t>(); n > 0; --n) list.push_back(value(element));
    return list;
  }

  std::string bytes_;
  size_t at_ = 0;
};

const std::string kQwenPattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]"
    "*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

json split(const std::string& pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

/// Byte-level, of a few letters, with a special token 4 and a plain added one 5.
json tokenizer_json(const json& splits) {
  json steps = splits;
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"trim_offsets", false},
                   {"use_regex", false}});
  const auto added = [](int id, const char* content, bool special) {
    return json{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", special}};
  };
  return {{"added_tokens", {added(4, "<e>", true), added(5, "<tool>", false)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", steps}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}, {"aba", 3}}},
            {"merges", {"a b", "ab a"}}}}};
}

ModelConfig small_config(const std::string& type) {
  ModelConfig c = test::small_config(type, type == "qwen2");
  c.vocab_size = 8;
  c.hidden_size = 32;
  c.layer_count = 1;
  c.head_dim = type == "qwen2" ? 8 : 16;
  c.ffn_size = 40;  // No multiple of 32: down_proj cannot be in blocks.
  c.eos_tokens = {4, 5};
  return c;
}

struct Exported {
  Weights weights;
  Reader reader;
};

Exported exported(const ModelConfig& config, GgufType type) {
  const test::TemporaryDirectory temporary;
  const fs::path dir = temporary.path();
  Weights weights = init_weights(config, 3);
  const std::string tokenizer_config = R"({"eos_token": "<e>", "chat_template": "{{ x }}"})";
  save_model(dir / "m", weights,
             {{kTokenizerFile, tokenizer_json(json::array({split(kQwenPattern)})).dump()},
              {kTokenizerConfigFile, tokenizer_config}});
  export_gguf(dir / "m", dir / "m.gguf", type);
  return {std::move(weights), Reader(test::read_bytes(dir / "m.gguf"))};
}

std::string pre_of(const json& tokenizer) {
  try {
    return gguf_pre_tokenizer(Tokenizer::parse(tokenizer.dump(), "t.json"), "t.json");
  } catch (const InputError& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("gguf: keys, names and values of a Qwen2 model") {
  const auto [weights, reader] = exported(small_config("qwen2"), GgufType::kF32);
  const auto& v = reader.values;
  CHECK(v.at("general.architecture") == "qwen2");
  CHECK(v.at("qwen2.block_count") == 1);
  CHECK(v.at("qwen2.embedding_length") == 32);
  CHECK(v.at("qwen2.feed_forward_length") == 40);
  CHECK(v.at("qwen2.attention.head_count") == 4);
  CHECK(v.at("qwen2.attention.head_count_kv") == 2);
  CHECK(v.at("qwen2.attention.key_length") == 8);
  CHECK(v.at("qwen2.context_length") == 64);
  CHECK(v.at("qwen2.rope.freq_base") == 10000);
  CHECK(v.at("general.file_type") == 0);
  CHECK(v.at("tokenizer.chat_template") == "{{ x }}");
  CHECK(reader.tensors.size() == weights.layout.tensors.size());
  CHECK(reader.tensors.at("blk.0.ffn_down.weight").dims == std::vector<uint64_t>{40, 32});
  const auto same = [&](const char* theirs, const char* ours) {
    const auto values = reader.floats(theirs);
    const auto wanted = weights.tensor(weights.layout.at(ours));
    return std::equal(values.begin(), values.end(), wanted.begin(), wanted.end());
  };
  CHECK(same("token_embd.weight", "model.embed_tokens.weight"));
  CHECK(same("output_norm.weight", "model.norm.weight"));
  CHECK(same("blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight"));
  CHECK(same("blk.0.attn_k.bias", "model.layers.0.self_attn.k_proj.bias"));
  CHECK(same("blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight"));
  CHECK(same("blk.0.ffn_gate.weight", "model.layers.0.mlp.gate_proj.weight"));
  CHECK(same("blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"));
}

TEST_CASE("gguf: the tokenizer, with rows that have no token") {
  const auto [weights, reader] = exported(small_config("qwen3"), GgufType::kF32);
  const auto& v = reader.values;
  CHECK(v.at("tokenizer.ggml.model") == "gpt2");
  CHECK(v.at("tokenizer.ggml.pre") == "qwen2");
  CHECK(v.at("tokenizer.ggml.tokens") ==
        json({"a", "b", "ab", "aba", "<e>", "<tool>", "[PAD6]", "[PAD7]"}));
  CHECK(v.at("tokenizer.ggml.token_type") == json({1, 1, 1, 1, 3, 4, 5, 5}));
  CHECK(v.at("tokenizer.ggml.merges") == json({"a b", "ab a"}));
  CHECK(v.at("tokenizer.ggml.eos_token_id") == 4);
  CHECK(v.at("tokenizer.ggml.eot_token_id") == 5);
  CHECK(v.at("tokenizer.ggml.add_bos_token") == false);
  CHECK_FALSE(v.contains("tokenizer.ggml.bos_token_id"));
  CHECK(reader.tensors.contains("blk.0.attn_q_norm.weight"));
  CHECK(reader.tensors.contains("output.weight"));
}

TEST_CASE("gguf: Llama's heads are interleaved, its positions have factors") {
  ModelConfig config = small_config("llama");
  config.rope_theta = 100;
  config.rope_scaling = {.kind = RopeScaling::Kind::kLlama3, .factor = 8, .original_context = 64};
  const auto [weights, reader] = exported(config, GgufType::kF32);
  const auto values = reader.floats("blk.0.attn_k.weight");
  const auto wanted = weights.tensor(weights.layout.at("model.layers.0.self_attn.k_proj.weight"));
  // Row h, 2 j + p of theirs is row h, 8 p + j of ours.
  for (uint32_t h = 0; h < 2; ++h)
    for (uint32_t j = 0; j < 8; ++j)
      for (uint32_t p = 0; p < 2; ++p)
        CHECK(std::equal(values.begin() + (h * 16 + 2 * j + p) * 32,
                         values.begin() + (h * 16 + 2 * j + p + 1) * 32,
                         wanted.begin() + (h * 16 + 8 * p + j) * 32));
  const auto v = reader.floats("blk.0.attn_v.weight");
  CHECK(v[16] == weights.tensor(weights.layout.at("model.layers.0.self_attn.v_proj.weight"))[16]);
  const auto factors = reader.floats("rope_freqs.weight");
  REQUIRE(factors.size() == 8);
  CHECK(factors.front() == 1);
  CHECK(factors.back() == 8);
}

TEST_CASE("gguf: a Qwen2 model whose heads llama.cpp cannot have is refused") {
  ModelConfig config = small_config("qwen2");
  config.head_dim = 16;
  CHECK_THROWS_WITH(exported(config, GgufType::kF32),
                    ContainsSubstring("head_dim 16 is not hidden_size / num_attention_heads"));
}

TEST_CASE("gguf: YaRN's numbers") {
  ModelConfig config = small_config("qwen2");
  config.rope_scaling = {.kind = RopeScaling::Kind::kYarn,
                         .factor = 4,
                         .original_context = 16,
                         .attention_factor = 2 * (1 + 0.1 * std::log(4.0))};
  const auto [weights, reader] = exported(config, GgufType::kF32);
  CHECK(reader.values.at("qwen2.rope.scaling.type") == "yarn");
  CHECK(reader.values.at("qwen2.rope.scaling.factor") == 4);
  CHECK(reader.values.at("qwen2.rope.scaling.original_context_length") == 16);
  CHECK(reader.values.at("qwen2.rope.scaling.attn_factor") == 2);
}

TEST_CASE("gguf: smaller formats are near, vectors stay whole") {
  for (const auto& [type, error] :
       {std::pair{GgufType::kF16, 5e-5}, {GgufType::kBF16, 4e-4}, {GgufType::kQ8_0, 4e-4}}) {
    const auto [weights, reader] = exported(small_config("qwen2"), type);
    const auto number = static_cast<uint32_t>(type);
    CHECK(reader.tensors.at("blk.0.ffn_up.weight").type == number);
    CHECK(reader.tensors.at("blk.0.ffn_down.weight").type == (number == 8 ? 1 : number));
    CHECK(reader.tensors.at("blk.0.attn_norm.weight").type == 0);
    const auto values = reader.floats("blk.0.ffn_up.weight");
    const auto wanted = weights.tensor(weights.layout.at("model.layers.0.mlp.up_proj.weight"));
    double worst = 0;
    for (size_t i = 0; i < values.size(); ++i)
      worst = std::max(worst, std::abs(double{values[i]} - double{wanted[i]}));
    CAPTURE(number, worst);
    CHECK((worst > 0 && worst < error));
  }
}

TEST_CASE("gguf: a block of Q8_0 is as ggml's reference makes it") {
  std::vector<float> values(32, 0.0f);
  values[0] = 127;
  values[1] = -63.5f;  // Halves go away from zero.
  values[2] = 0.49f;
  std::vector<std::byte> bytes;
  append_q8_0(values, bytes, "x");
  REQUIRE(bytes.size() == 34);
  uint16_t scale = 0;
  std::memcpy(&scale, bytes.data(), 2);
  CHECK(half_to_float(scale) == 1);
  CHECK(static_cast<int8_t>(bytes[2]) == 127);
  CHECK(static_cast<int8_t>(bytes[3]) == -64);
  CHECK(static_cast<int8_t>(bytes[4]) == 0);
  bytes.clear();
  append_q8_0(std::vector<float>(64, 0.0f), bytes, "x");
  CHECK(bytes == std::vector<std::byte>(68, std::byte{0}));
}

TEST_CASE("gguf: pre-tokenizers are known by their patterns, others refused") {
  std::string llama = kQwenPattern;
  llama.insert(llama.find("\\p{N}| ?") + 5, "{1,3}");
  CHECK(pre_of(tokenizer_json(json::array({split(kQwenPattern)}))) == "qwen2");
  CHECK(pre_of(tokenizer_json(json::array({split(llama)}))) == "llama-bpe");
  CHECK_THAT(
      pre_of(tokenizer_json(json::array({split("\\p{N}")}))),
      ContainsSubstring("t.json: pre_tokenizer has patterns that llama.cpp has no name for"));
  json gpt2 = tokenizer_json(json::array());
  gpt2["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  CHECK(pre_of(gpt2) == "gpt-2");
  json bare = tokenizer_json(json::array());
  bare["pre_tokenizer"] = nullptr;
  bare["decoder"] = {{"type", "Fuse"}};
  CHECK_THAT(pre_of(bare), ContainsSubstring("not byte-level"));
  const fs::path shared = THESPIS_SOURCE_DIR "/../shared/data/tokenizers";
  if (!fs::exists(shared)) SKIP("no ../shared/data/tokenizers");
  for (const auto& [file, name] : {std::pair{"qwen2.5", "qwen2"},
                                   {"llama3", "llama-bpe"},
                                   {"deepseek_v3", "deepseek-v3"},
                                   {"deepseek-llm", "deepseek-llm"},
                                   {"gpt-2", "gpt-2"}})
    CHECK(gguf_pre_tokenizer(Tokenizer::load(shared / (std::string(file) + ".tokenizer.json.zst")),
                             file) == name);
}

TEST_CASE("gguf: a write that fails anywhere leaves the old file") {
  GgufMetadata metadata;
  metadata.text("general.architecture", "x");
  const std::vector<float> old_values(3, 1.0f), new_values(3, 2.0f);
  const auto write = [&](env::MemoryFileSystem& files, const std::vector<float>& values) {
    write_gguf(files, "m", metadata, {{"t", {3}, GgufType::kF32, read_values(values)}});
  };
  env::MemoryFileSystem whole;
  write(whole, old_values);
  for (uint64_t n = 0; n + 1 < whole.operations(); ++n) {
    env::MemoryFileSystem files;
    write(files, old_values);
    const auto before = files.bytes_of("m");
    files.fail_at(n, ENOSPC, false);
    CHECK_THROWS_AS(write(files, new_values), env::DiskFull);
    CHECK(files.bytes_of("m") == before);
  }
}
