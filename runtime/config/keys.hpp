#pragma once
// The table of keys: each key of a recipe is described once, and parsing, checking, printing and
// the suggestions for unknown keys all come from here. Defaults are those of the structs in
// recipe.hpp.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/config/load.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis::config {

/// An enumerator of a recipe by its place in `names`; the enum's values are 0, 1, ... in that
/// order.
struct Choice {
  uint8_t* index;
  std::span<const std::string_view> names;
};

/// Where a key's value lies in a recipe.
using Field = std::variant<bool*, uint32_t*, uint64_t*, double*, std::string*,
                           std::vector<std::string>*, Choice>;

/// Bounds of a number, both included, except that an `open` low bound is not.
struct Range {
  double low = 0;
  double high = 0;
  bool open = false;
};

/// For a text that is not acceptable: what would be. Empty where the text is fine.
using TextRule = std::optional<std::string_view> (*)(std::string_view text);

struct Key {
  std::string_view name;  ///< "train.max_age"
  Field (*field)(Recipe&);
  std::variant<std::monostate, Range, TextRule> rule;
  std::string_view about;              ///< One line, with the unit.
  std::optional<Verb> needed_by = {};  ///< Has no default: this verb needs the user to say it.
  std::string_view section() const;    ///< "train"; "" for a key at the top.
  std::string_view leaf() const;       ///< "max_age"
  std::string expectation() const;     ///< "a whole number from 0 to 1024", for messages.
};

/// All keys, those of one section together, in the order in which they are printed.
std::span<const Key> keys();

const Key* find_key(std::string_view name);

/// The name that is nearest to `name` by edit distance (of adjacent transpositions too); a key with
/// the same last part as `name` counts as near.
std::string_view nearest_key(std::string_view name);

/// True where `name` is a table of the recipe: "data", "data.countdown".
bool is_section(std::string_view name);

}  // namespace thespis::config
