#pragma once
// Reading a recipe: defaults, then the TOML file, then `--set` overrides, each value checked
// against the table of keys (keys.hpp). Whatever is wrong is one InputError that names the place
// and the key.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/recipe.hpp"

namespace thespis::config {

/// What the recipe is for: decides which keys must be present.
enum class Verb : uint8_t { kTrain, kPretrain, kShow };

struct Loaded {
  Recipe recipe;
  /// For each key that is not at its default: "FILE:LINE" or "--set". Keys as "train.max_age".
  std::map<std::string, std::string, std::less<>> provenance;
};

/// Reads `path` (at most kRecipeBytesMax) and applies overrides of the form "train.max_age=0", in
/// order. Throws InputError: file unreadable, not TOML, unknown key (names the nearest), wrong
/// type, out of range, or a key missing that `verb` needs.
Loaded load(const std::string& path, const std::vector<std::string>& overrides, Verb verb);

/// The same for text at hand; `source` stands in messages where a file's name would.
Loaded parse(std::string_view text, const std::string& source,
             const std::vector<std::string>& overrides, Verb verb);

/// The whole recipe as TOML, every key with its value, ordered by section. With
/// `loaded.provenance`, a comment says where each value came from. Parsing the text again gives an
/// equal Recipe.
std::string to_toml(const Loaded& loaded);
std::string to_toml(const Recipe& recipe);

inline constexpr uint64_t kRecipeBytesMax = 1 << 20;

}  // namespace thespis::config
