// What code may not say, and where: time and chance come through runtime/env only (the simulator
// replaces that seam and nothing else), some calls nowhere, and no exception disappears.

#include <algorithm>

#include "tests/tidy/tidy.hpp"

namespace thespis::tidy {

namespace {

/// A word that is allowed only in some places (paths by their beginnings).
struct Ban {
  std::string_view word;
  bool is_call;  ///< Only where "(" follows.
  std::string_view why;
  std::vector<std::string_view> places;
};

const std::vector<std::string_view> kRealWorld = {
    "runtime/env/", "runtime/transport/", "gpu/thread_pool", "gpu/cuda/", "app/", "bench/",
    "tests/"};
const std::vector<std::string_view> kSpeakers = {"runtime/telemetry/", "runtime/base/assert.cpp",
                                                 "app/", "bench/", "tests/"};
constexpr std::string_view kTime = "time comes from runtime/env";
constexpr std::string_view kChance = "chance comes from runtime/env/random.hpp";
constexpr std::string_view kThread = "threads belong to the actor system and gpu/thread_pool";
constexpr std::string_view kUnsafe = "writes without a limit or hides an error";
constexpr std::string_view kVoice = "only app, bench and telemetry speak to the user";

const std::vector<Ban> kBans = {
    {"steady_clock", false, kTime, kRealWorld},
    {"system_clock", false, kTime, kRealWorld},
    {"high_resolution_clock", false, kTime, kRealWorld},
    {"clock_gettime", false, kTime, kRealWorld},
    {"gettimeofday", false, kTime, kRealWorld},
    {"std::time", true, kTime, kRealWorld},
    {"localtime_r", true, kTime, kRealWorld},
    {"gmtime_r", true, kTime, kRealWorld},
    {"sleep_for", false, kTime, kRealWorld},
    {"sleep_until", false, kTime, kRealWorld},
    {"nanosleep", false, kTime, kRealWorld},
    {"sleep", true, kTime, kRealWorld},
    {"random_device", false, kChance, {"runtime/env/"}},
    {"mt19937", false, kChance, {"runtime/env/", "tests/"}},
    {"mt19937_64", false, kChance, {"runtime/env/", "tests/"}},
    {"getrandom", true, kChance, {"runtime/env/"}},
    {"getentropy", true, kChance, {"runtime/env/"}},
    {"RAND_bytes", true, kChance, {"runtime/env/"}},
    {"std::thread", false, kThread, kRealWorld},
    {"std::jthread", false, kThread, kRealWorld},
    {"pthread_create", true, kThread, kRealWorld},
    {"std::async", true, kThread, {}},
    {"rand", true, kChance, {}},
    {"srand", true, kChance, {}},
    {"usleep", true, kTime, {}},
    {"std::system", true, "a shell between us and the program", {"bench/"}},
    {"popen", true, "a shell between us and the program", {}},
    {"sprintf", true, kUnsafe, {}},
    {"vsprintf", true, kUnsafe, {}},
    {"strcpy", true, kUnsafe, {}},
    {"strcat", true, kUnsafe, {}},
    {"strtok", true, kUnsafe, {}},
    {"atoi", true, kUnsafe, {}},
    {"atof", true, kUnsafe, {}},
    {"atol", true, kUnsafe, {}},
    {"assert", true, "THESPIS_ASSERT stays on in release", {}},
    {"std::endl", false, "flushes each line; write a newline", {}},
    {"std::cout", false, kVoice, kSpeakers},
    {"std::cerr", false, kVoice, kSpeakers},
    {"printf", true, kVoice, kSpeakers},
    {"fprintf", true, kVoice, kSpeakers},
};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

/// True if the word at [at, at + size) stands alone and is not a member of something.
bool stands_alone(std::string_view line, size_t at, size_t size) {
  if (at + size < line.size() && is_word(line[at + size])) return false;
  if (at == 0) return true;
  const char before = line[at - 1];
  return !is_word(before) && before != '.' && !(before == '>' && at > 1 && line[at - 2] == '-');
}

/// "foo::sleep(" is somebody else's; "std::sleep(" and "::sleep(" are not.
bool is_qualified_elsewhere(std::string_view line, size_t at) {
  if (at < 3 || line.substr(at - 2, 2) != "::") return false;
  return is_word(line[at - 3]) && !(at >= 5 && line.substr(at - 5, 5) == "std::");
}

bool says(std::string_view line, const Ban& ban) {
  for (size_t at = line.find(ban.word); at != line.npos; at = line.find(ban.word, at + 1)) {
    if (!stands_alone(line, at, ban.word.size())) continue;
    const std::string_view rest = line.substr(at + ban.word.size());
    if (ban.word == "std::thread" && rest.starts_with("::")) continue;  // ::id starts none.
    if (!ban.is_call) return true;
    const size_t next = line.find_first_not_of(' ', at + ban.word.size());
    if (next == line.npos || line[next] != '(') continue;
    if (!is_qualified_elsewhere(line, at)) return true;
  }
  return false;
}

/// The text between the braces that open at or after `from`.
std::string_view body_after(std::string_view code, size_t from) {
  const size_t open = code.find('{', from);
  if (open == code.npos) return {};
  size_t depth = 0;
  for (size_t i = open; i < code.size(); ++i) {
    depth += code[i] == '{';
    depth -= code[i] == '}';
    if (depth == 0) return code.substr(open + 1, i - open - 1);
  }
  return code.substr(open + 1);
}

/// An exception that ends here, with nobody told: catch (...) that neither throws, keeps nor stops,
/// or a handler with nothing in it, not even a comment that says why.
void check_catches(const SourceFile& file, std::string_view code, std::vector<Finding>& found) {
  for (size_t at = code.find("catch ("); at != code.npos; at = code.find("catch (", at + 1)) {
    const bool catches_all = code.substr(at, 11) == "catch (...)";
    const std::string_view body = body_after(code, at);
    const auto has = [&](std::string_view word) { return body.find(word) != body.npos; };
    const auto body_at = static_cast<size_t>(body.data() - code.data());
    const std::string_view written = std::string_view(file.text).substr(body_at, body.size());
    const bool empty = written.find_first_not_of(" \n") == written.npos;
    const bool passes_on =
        has("throw") || has("current_exception") || has("abort") || has("terminate");
    if (catches_all ? passes_on : !empty) continue;
    const auto line = static_cast<size_t>(std::count(code.begin(), code.begin() + at, '\n')) + 1;
    found.push_back({file.path, line, "an exception is swallowed here"});
  }
}

}  // namespace

std::vector<Finding> check_code(const SourceFile& file) {
  std::vector<Finding> found;
  if (!is_cpp(file.path)) return found;
  const std::string code = code_only(file.text);
  const auto lines = lines_of(code);
  std::vector<const Ban*> bans;
  for (const Ban& ban : kBans) {
    const auto here = [&](std::string_view place) { return file.path.starts_with(place); };
    if (std::ranges::none_of(ban.places, here)) bans.push_back(&ban);
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto report = [&](std::string what) {
      found.push_back({file.path, i + 1, std::move(what)});
    };
    for (const Ban* ban : bans)
      if (says(lines[i], *ban)) report(std::string(ban->word) + ": " + std::string(ban->why));
    if (lines[i].find("[=") != lines[i].npos) report("[=] captures what nobody listed");
    if (is_header(file.path) && lines[i].find("using namespace") != lines[i].npos)
      report("using namespace in a header");
    for (const std::string_view kind : {"class ", "struct "}) {
      const size_t at = lines[i].find(kind);
      if (at == lines[i].npos) continue;
      const size_t end =
          std::min(lines[i].find_first_of(" {:;", at + kind.size()), lines[i].size());
      if (lines[i].substr(0, end).ends_with("Manager")) report("name it after what it does");
    }
  }
  check_catches(file, code, found);
  return found;
}

}  // namespace thespis::tidy
