// Encoding speed of a real tokenizer on one core, by kind of text, and the Hugging Face library's
// in the same run: `./thespis bench tokenizer --peer PYTHON`, a Python with the package tokenizers.
// Texts and tokenizer come from ../shared/data beside the checkout (--data, --tokenizer). Seconds
// are the processor's, for the machine may be shared; the best of several passes over each group.

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "model/tokenizer/stream_decoder.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/zstd.hpp"

namespace {

using namespace thespis;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr int kPasses = 10;
constexpr model::EncodeOptions kText{.parse_special = false};

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Group {
  std::string name;
  std::vector<std::string> texts;
  size_t bytes() const {
    size_t sum = 0;
    for (const std::string& text : texts) sum += text.size();
    return sum;
  }
};

/// The strings under `keys` of every row; of lists in it ("qas"), their questions.
Group read_group(const std::string& name, const fs::path& file,
                 const std::vector<std::string>& keys) {
  Group group{name, {}};
  std::istringstream lines(read_packed_file(file, 256 << 20));
  for (std::string line; std::getline(lines, line);) {
    const json row = json::parse(line);
    for (const std::string& key : keys) group.texts.push_back(row.at(key).get<std::string>());
    if (!row.contains("qas")) continue;
    for (const json& qa : row["qas"]) group.texts.push_back(qa.at("question").get<std::string>());
  }
  return group;
}

std::vector<Group> read_groups(const fs::path& data) {
  const auto xquad = [&](const char* language, const char* end) {
    const std::string file = std::string("xquad/xquad.") + language + ".first24articles." + end;
    return read_group(std::string("prose-") + language, data / file, {"context"});
  };
  std::vector<Group> groups;
  groups.push_back(xquad("en", "jsonl"));
  groups.push_back(
      read_group("math-en", data / "math/math500.first250.jsonl", {"problem", "solution"}));
  groups.push_back(read_group("code", data / "humaneval/HumanEval.first82.jsonl",
                              {"prompt", "canonical_solution", "test"}));
  groups.push_back(xquad("de", "jsonl"));
  groups.push_back(xquad("ru", "jsonl.zst"));
  groups.push_back(xquad("hi", "jsonl.zst"));
  groups.push_back(xquad("zh", "jsonl"));
  groups.push_back(xquad("th", "jsonl.zst"));
  return groups;
}

uint32_t checksum(uint32_t crc, int32_t id) {  // CRC-32 of the id's bytes, as zlib's.
  crc = ~crc;
  for (int byte = 0; byte < 4; ++byte) {
    crc ^= static_cast<uint32_t>(id) >> (8 * byte) & 0xff;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

struct Result {
  double first = 0, best = 0, stream = 0;  // MB/s: the first pass, the best, decoding as a stream.
  uint32_t check = 0;
};

Result measure(const model::Tokenizer& tokenizer, const Group& group) {
  Result result;
  std::vector<std::vector<int32_t>> ids;
  for (int pass = 0; pass < kPasses; ++pass) {
    ids.clear();
    const double start = processor_seconds();
    for (const std::string& text : group.texts) ids.push_back(tokenizer.encode(text, kText));
    const double rate = static_cast<double>(group.bytes()) / (processor_seconds() - start) / 1e6;
    if (pass == 0) result.first = rate;
    result.best = std::max(result.best, rate);
  }
  const double start = processor_seconds();
  size_t bytes = 0;
  for (const auto& list : ids) {
    model::StreamDecoder stream(tokenizer);
    for (const int32_t id : list) bytes += stream.push(id).size();
  }
  result.stream = static_cast<double>(bytes) / (processor_seconds() - start) / 1e6;
  for (const auto& list : ids)
    for (const int32_t id : list) result.check = checksum(result.check, id);
  return result;
}

/// What the peer prints: name, figure, checksum.
std::map<std::string, std::pair<double, uint32_t>> run_peer(const std::string& python,
                                                            const fs::path& script,
                                                            const model::Tokenizer& tokenizer,
                                                            const std::vector<Group>& groups) {
  std::string directory = (fs::temp_directory_path() / "bench_tokenizer.XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) throw Error("no temporary directory");
  const fs::path dir = directory;
  std::ofstream(dir / "tokenizer.json") << tokenizer.json();
  std::ofstream texts(dir / "texts.jsonl");
  for (const Group& group : groups)
    for (const std::string& text : group.texts)
      texts << json{{"group", group.name}, {"text", text}}.dump() << '\n';
  texts.close();
  const std::string command = "TOKENIZERS_PARALLELISM=false RAYON_NUM_THREADS=1 " + python + " " +
                              script.string() + " " + (dir / "tokenizer.json").string() + " " +
                              (dir / "texts.jsonl").string() + " > " + (dir / "out").string();
  const int code = std::system(command.c_str());
  std::map<std::string, std::pair<double, uint32_t>> out;
  std::ifstream lines(dir / "out");
  std::string name;
  std::pair<double, uint32_t> figures;
  while (lines >> name >> figures.first >> figures.second) out[name] = figures;
  fs::remove_all(dir);
  if (code != 0) throw Error("the peer failed: " + command);
  return out;
}

int run(const fs::path& root, const std::string& python, std::string file, std::string data) {
  if (data.empty()) data = root / "../shared/data";
  if (file.empty()) file = data + "/tokenizers/qwen2.5.tokenizer.json.zst";
  const double start = processor_seconds();
  const auto tokenizer = model::Tokenizer::load(file);
  const double load_s = processor_seconds() - start;
  const auto groups = read_groups(data);
  std::map<std::string, std::pair<double, uint32_t>> peer;
  if (!python.empty()) peer = run_peer(python, root / "bench/tokenizer/peer.py", tokenizer, groups);
  std::printf("%s: %u tokens, loaded in %.2f s", fs::path(file).filename().c_str(),
              tokenizer.vocab_size(), load_s);
  if (!peer.empty()) std::printf(" (peer %.2f s)", peer["load_s"].first);
  std::printf("; MB/s of one core.\n\n");
  std::printf(
      "| text     |  bytes | first pass | best pass | peer, best | ratio | ids  | stream |\n");
  std::printf(
      "|----------|-------:|-----------:|----------:|-----------:|------:|------|-------:|\n");
  bool same = true;
  for (const Group& group : groups) {
    const Result r = measure(tokenizer, group);
    std::printf("| %-8s | %6zu | %10.1f | %9.1f |", group.name.c_str(), group.bytes(), r.first,
                r.best);
    if (const auto found = peer.find(group.name); found != peer.end()) {
      const auto& [rate, check] = found->second;
      std::printf(" %10.1f | %5.1f | %-4s |", rate, r.best / rate,
                  check == r.check ? "same" : "DIFFER");
      same = same && check == r.check;
    } else {
      std::printf("            |       |      |");
    }
    std::printf(" %6.1f |\n", r.stream);
  }
  return same ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {
      {"--peer", ""}, {"--tokenizer", ""}, {"--data", ""}};
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !options.contains(argv[i])) {
      std::fprintf(stderr, "bench_tokenizer [--peer PYTHON] [--tokenizer FILE] [--data DIR]\n");
      return 2;
    }
    options[argv[i]] = argv[i + 1];
  }
  const fs::path program = fs::read_symlink("/proc/self/exe");  // ROOT/build/PRESET/bench/PROGRAM
  const fs::path root = program.parent_path().parent_path().parent_path().parent_path();
  try {
    return run(root, options["--peer"], options["--tokenizer"], options["--data"]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_tokenizer: %s\n", error.what());
    return 2;
  }
}
