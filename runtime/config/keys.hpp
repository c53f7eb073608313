#pragma once
// The table of keys: each key of a recipe is described once, and parsing, checking, printing and
// the suggestions for unknown keys all come from here. Defaults are those of the structs in
// recipe.hpp.

#include <span>
#include <string_view>

#include "runtime/config/key_table.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis::config {

using Key = KeyOf<Recipe>;

/// All keys, those of one section together, in the order in which they are printed.
std::span<const Key> keys();

inline const Key* find_key(std::string_view name) {
  return find_key(keys(), name);
}
inline std::string_view nearest_key(std::string_view name) {
  return nearest_key(keys(), name);
}
inline bool is_section(std::string_view name) {
  return is_section(keys(), name);
}

}  // namespace thespis::config
