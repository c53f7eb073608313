#pragma once
// Reads a TOML document by a table of keys; whatever is wrong is one InputError that names the
// place.

#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "runtime/config/key_table.hpp"

namespace thespis::config {

// Bounds the depth of tables (a.a.a...), which the TOML library frees by recursion.
inline constexpr size_t kLineBytesMax = 4096;

/// The document, or an InputError with `place` and the line of what is no TOML.
toml::table parse_toml(std::string_view text, const std::string& place);

std::string at_line(const std::string& source, const toml::node& node);

/// Checks the value by its key's rule and writes it.
void set_value(std::string_view name, const Rule& rule, const Field& field, const toml::node& node,
               const std::string& place);

[[noreturn]] void refuse_unknown(const std::string& place, std::string_view name,
                                 std::string_view nearest);
[[noreturn]] void refuse_not_a_table(const std::string& place, const std::string& name,
                                     const toml::node& node);

/// Every key of `toml`, whose keys are called `prefix` + theirs. `on_set(key, place)` is told of
/// each.
template <class Root, class OnSet>
void read_table(std::span<const KeyOf<Root>> table, Root& root, const toml::table& toml,
                const std::string& prefix, const std::string& source, const OnSet& on_set) {
  for (const auto& [name, node] : toml) {
    const std::string full = prefix + std::string(name.str());
    const std::string place = at_line(source, node);
    if (const auto* key = find_key(table, full)) {
      set_value(key->name, key->rule, key->field(root), node, place);
      on_set(key->name, place);
    } else if (!is_section(table, full)) {
      // Of a table that should not be there the first key says more than its own name.
      const toml::table* inner = node.as_table();
      if (inner == nullptr || inner->empty()) refuse_unknown(place, full, nearest_key(table, full));
      const auto first = inner->begin();
      const std::string deeper = full + "." + std::string(first->first.str());
      refuse_unknown(at_line(source, first->second), deeper, nearest_key(table, deeper));
    } else if (const toml::table* inner = node.as_table()) {
      read_table(table, root, *inner, full + ".", source, on_set);
    } else {
      refuse_not_a_table(place, full, node);
    }
  }
}

}  // namespace thespis::config
