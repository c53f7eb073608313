// Layers point downwards: app > actors > model, tasks > gpu > runtime > schemas. Sees #include
// lines, so it holds for headers that no linker would miss; link order in the CMake files says the
// same once more.

#include <algorithm>
#include <map>
#include <optional>

#include "tests/tidy/tidy.hpp"

namespace thespis::tidy {

namespace {

/// A room and the rooms whose headers it may include beside its own.
const std::map<std::string, std::set<std::string>, std::less<>> kRoomsBelow = {
    {"schemas", {}},
    {"runtime", {"schemas"}},
    {"gpu", {"runtime", "schemas"}},
    {"model", {"gpu", "runtime", "schemas"}},
    {"tasks", {"runtime", "schemas"}},
    {"actors", {"tasks", "model", "gpu", "runtime", "schemas"}},
    {"sim", {"actors", "tasks", "model", "gpu", "runtime", "schemas"}},
    {"app", {"sim", "actors", "tasks", "model", "gpu", "runtime", "schemas"}},
    {"bench", {"sim", "actors", "tasks", "model", "gpu", "runtime", "schemas"}},
};

/// Headers from outside that only some places may know: what they are part of, and where it lives.
struct External {
  std::string_view prefix;
  std::string_view what;
  std::vector<std::string_view> places;
};
const std::vector<External> kExternals = {
    {"caf/", "actors", {"runtime/", "actors/", "sim/", "app/", "bench/", "tests/"}},
    {"ucp/", "the network", {"runtime/transport/", "app/", "bench/", "tests/"}},
    {"ucs/", "the network", {"runtime/transport/", "app/", "bench/", "tests/"}},
    {"uct/", "the network", {"runtime/transport/", "app/", "bench/", "tests/"}},
    {"sys/socket.h", "the network", {"runtime/", "app/", "bench/", "tests/"}},
    {"seccomp.h", "the sandbox", {"runtime/sandbox/launcher/"}},
    {"cuda", "CUDA", {"gpu/"}},
    {"nccl", "CUDA", {"gpu/"}},
    {"toml++/", "recipes", {"runtime/config/", "tests/"}},
    {"CLI/", "the command line", {"app/"}},
    {"catch2/", "tests", {"tests/"}},
};

std::string room_of(std::string_view path) {
  return std::string(path.substr(0, path.find('/')));
}

/// What an #include line names, without its brackets.
std::optional<std::string> included(std::string_view line) {
  if (!line.starts_with("#include")) return std::nullopt;
  const size_t open = line.find_first_of("<\"");
  if (open == line.npos) return std::nullopt;
  const size_t close = line.find_first_of(">\"", open + 1);
  if (close == line.npos) return std::nullopt;
  return std::string(line.substr(open + 1, close - open - 1));
}

bool may_include(const std::string& from, const std::string& path, const std::string& to) {
  if (from == to) return true;
  if (from == "tests") {  // tests/ROOM sees what its room sees; tests/support serves every room.
    const std::string rest = path.substr(std::min(path.size(), from.size() + 1));
    const auto room = kRoomsBelow.find(room_of(rest));
    return room == kRoomsBelow.end() || room->first == to || room->second.contains(to);
  }
  const auto room = kRoomsBelow.find(from);
  return room == kRoomsBelow.end() || room->second.contains(to);
}

}  // namespace

std::vector<Finding> check_includes(const SourceFile& file) {
  std::vector<Finding> found;
  if (!is_cpp(file.path)) return found;
  const std::string from = room_of(file.path);
  const auto lines = lines_of(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto header = included(lines[i]);
    if (!header) continue;
    const std::string to = room_of(*header);
    const bool own = to == "tests" || kRoomsBelow.contains(to);
    if (own && to == "tests" && from != "tests" && from != "bench")
      found.push_back({file.path, i + 1, from + " includes a test: " + *header});
    else if (own && !may_include(from, file.path, to))
      found.push_back({file.path, i + 1, from + " lies below or beside " + to + ": " + *header});
    if (header->starts_with("../") || header->starts_with("./"))
      found.push_back({file.path, i + 1, "include from the root of the tree: " + *header});
    for (const External& external : kExternals) {
      const auto is_place = [&](std::string_view place) { return file.path.starts_with(place); };
      if (!own && header->starts_with(external.prefix) &&
          std::ranges::none_of(external.places, is_place))
        found.push_back(
            {file.path, i + 1,
             from + " knows nothing of " + std::string(external.what) + ": " + *header});
    }
  }
  return found;
}

}  // namespace thespis::tidy
