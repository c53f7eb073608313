#pragma once
// A table of keys of some TOML document: each key is described once, and parsing, checking and the
// suggestions for unknown keys come from here. Recipes have one (keys.hpp), the simulator's
// scenarios others.

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/config/load.hpp"

namespace thespis::config {

/// An enumerator by its place in `names`; the enum's values are 0, 1, ... in that order.
struct Choice {
  uint8_t* index;
  std::span<const std::string_view> names;
};

/// Where a key's value lies in its struct.
using Field = std::variant<bool*, uint32_t*, uint64_t*, double*, std::string*,
                           std::vector<std::string>*, Choice, AutoCount*>;

/// Bounds of a number, both included, except that an `open` low bound is not.
struct Range {
  double low = 0;
  double high = 0;
  bool open = false;
};

/// For a text that is not acceptable: what would be. Empty where the text is fine.
using TextRule = std::optional<std::string_view> (*)(std::string_view text);
using Rule = std::variant<std::monostate, Range, TextRule>;

/// "a whole number from 0 to 1024", for messages.
std::string expectation_of(const Field& where, const Rule& rule);

/// Of two names, for suggestions: insertions, deletions, replacements, swaps of neighbours.
size_t edit_distance(std::string_view a, std::string_view b);

template <class Root>
struct KeyOf {
  std::string_view name;  ///< "train.max_age"
  Field (*field)(Root&);
  Rule rule;
  std::string_view about;              ///< One line, with the unit.
  std::optional<Verb> needed_by = {};  ///< Has no default: this verb needs the user to say it.

  std::string_view section() const {  ///< "train"; "" for a key at the top.
    const auto dot = name.rfind('.');
    return dot == name.npos ? std::string_view() : name.substr(0, dot);
  }
  std::string_view leaf() const { return name.substr(name.rfind('.') + 1); }  ///< "max_age"
  std::string expectation() const {
    Root root;
    return expectation_of(field(root), rule);
  }
};

template <class Root>
const KeyOf<Root>* find_key(std::span<const KeyOf<Root>> table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const KeyOf<Root>& k) { return k.name == name; });
  return found == table.end() ? nullptr : &*found;
}

/// The name that is nearest to `name` by edit distance; a key with the same last part counts as
/// near.
template <class Root>
std::string_view nearest_key(std::span<const KeyOf<Root>> table, std::string_view name) {
  constexpr size_t kNameBytesMax = 256;  // The rest of a longer name says nothing more.
  name = name.substr(0, kNameBytesMax);
  const auto leaf = name.substr(name.rfind('.') + 1);
  std::string_view nearest;
  size_t least = 0;
  for (const KeyOf<Root>& key : table) {
    // Right key, wrong section: one step away, whatever the section's name. A slip in both counts
    // twice.
    const size_t moved = 1 + 2 * edit_distance(leaf, key.leaf());
    const size_t distance = std::min(edit_distance(name, key.name), moved);
    if (nearest.empty() || distance < least) nearest = key.name, least = distance;
  }
  return nearest;
}

/// True where `name` is a table of the document: "data", "data.countdown".
template <class Root>
bool is_section(std::span<const KeyOf<Root>> table, std::string_view name) {
  return std::any_of(table.begin(), table.end(), [name](const KeyOf<Root>& key) {
    return key.section() == name ||
           (key.section().size() > name.size() && key.section().starts_with(name) &&
            key.section()[name.size()] == '.');
  });
}

}  // namespace thespis::config
