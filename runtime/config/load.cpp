#include "runtime/config/load.hpp"

#include <optional>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "runtime/base/error.hpp"
#include "runtime/config/check.hpp"
#include "runtime/config/keys.hpp"
#include "runtime/config/printable.hpp"
#include "runtime/config/table_reader.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis::config {
namespace {

void set(Loaded& loaded, const Key& key, const toml::node& node, const std::string& place,
         const std::string& origin) {
  set_value(key.name, key.rule, key.field(loaded.recipe), node, place);
  loaded.provenance.insert_or_assign(std::string(key.name), origin);
}

void read_recipe(Loaded& loaded, const toml::table& table, const std::string& source) {
  read_table(keys(), loaded.recipe, table, "", source,
             [&loaded](std::string_view key, const std::string& place) {
               loaded.provenance.insert_or_assign(std::string(key), place);
             });
}

/// The value of an override. A text need not be quoted, since the shell has taken quotes away.
toml::table parse_value(const Key& key, std::string_view value, const std::string& place) {
  Recipe scratch;
  const Field field = key.field(scratch);
  const bool is_text = std::holds_alternative<std::string*>(field) ||
                       std::holds_alternative<Choice>(field) ||
                       (std::holds_alternative<AutoCount*>(field) && value == "auto");
  const bool quoted = value.size() >= 2 && value.front() == value.back() &&
                      (value.front() == '"' || value.front() == '\'');
  const std::string text = is_text && !quoted ? quote(value) : std::string(value);
  const auto refuse_value = [&key, &place] {
    throw InputError(fmt::format("{}: must be {}", place, key.expectation()));
  };
  try {
    toml::table table = toml::parse("value = " + text);
    if (table.size() != 1 || !table.contains("value")) refuse_value();
    return table;
  } catch (const toml::parse_error&) {
    refuse_value();
  }
  return {};
}

void apply_override(Loaded& loaded, const std::string& text) {
  const std::string place = "--set " + printable(text, 200);
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw InputError(place + ": must be SECTION.KEY=VALUE, as train.max_age=0");
  if (text.size() > kLineBytesMax)
    throw InputError(fmt::format("{}...: longer than {} bytes", place, kLineBytesMax));
  const std::string_view name = std::string_view(text).substr(0, equals);
  const Key* key = find_key(name);
  if (key == nullptr) refuse_unknown(place, name, nearest_key(name));
  const toml::table table = parse_value(*key, std::string_view(text).substr(equals + 1), place);
  set(loaded, *key, *table.get("value"), "--set", "--set");
}

void check_needed(const Loaded& loaded, const std::string& source, Verb verb) {
  for (const Key& key : keys()) {
    if (key.needed_by != verb || loaded.provenance.contains(key.name)) continue;
    throw InputError(fmt::format("{}: {} is missing and has no default; must be {}", source,
                                 key.name, key.expectation()));
  }
}

}  // namespace

Loaded parse(std::string_view text, const std::string& source,
             const std::vector<std::string>& overrides, Verb verb) {
  if (text.size() > kRecipeBytesMax)
    throw InputError(fmt::format("{}: larger than {} bytes", source, kRecipeBytesMax));
  Loaded loaded;
  read_recipe(loaded, parse_toml(text, source), source);
  for (const std::string& override_text : overrides) apply_override(loaded, override_text);
  check_needed(loaded, source, verb);
  check_together(loaded);
  return loaded;
}

Loaded load(const std::string& path, const std::vector<std::string>& overrides, Verb verb) {
  const auto bytes = [&path] {
    try {
      return env::RealFileSystem().read(path, kRecipeBytesMax);
    } catch (const env::FileError& error) {
      throw InputError(std::string("recipe ") + error.what());
    }
  }();
  return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, printable(path, 200),
               overrides, verb);
}

}  // namespace thespis::config
