#include "runtime/config/load.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "runtime/base/error.hpp"
#include "runtime/config/check.hpp"
#include "runtime/config/keys.hpp"
#include "runtime/config/printable.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis::config {
namespace {

// Bounds the depth of tables (a.a.a...), which the TOML library frees by recursion.
constexpr size_t kLineBytesMax = 4096;

std::string at_line(const std::string& source, const toml::node& node) {
  return fmt::format("{}:{}", source, node.source().begin.line);
}

std::string kind(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::none:
      break;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  return "nothing";
}

std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) return '"' + printable(text->get(), 60) + '"';
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return kind(node);
}

[[noreturn]] void refuse(const Key& key, const toml::node& node, const std::string& place,
                         std::string_view expected, bool wrong_type) {
  throw InputError(fmt::format("{}: {} = {}: must be {}{}", place, key.name, shown(node), expected,
                               wrong_type ? ", not " + kind(node) : ""));
}

/// Writes one value into the recipe, or refuses it.
struct Setter {
  const Key& key;
  const toml::node& node;
  const std::string& place;

  [[noreturn]] void wrong_type() const { refuse(key, node, place, key.expectation(), true); }
  [[noreturn]] void out_of_range() const { refuse(key, node, place, key.expectation(), false); }

  void check_range(double value) const {
    const auto& range = std::get<Range>(key.rule);
    const bool low_enough = range.open ? value > range.low : value >= range.low;
    if (!std::isfinite(value) || !low_enough || value > range.high) out_of_range();
  }
  template <class T>
  void set_integer(T& out) const {
    const auto* integer = node.as_integer();
    if (integer == nullptr) wrong_type();
    check_range(static_cast<double>(integer->get()));
    if (static_cast<uint64_t>(integer->get()) > std::numeric_limits<T>::max()) out_of_range();
    out = static_cast<T>(integer->get());
  }

  void operator()(bool* out) const {
    const auto* boolean = node.as_boolean();
    if (boolean == nullptr) wrong_type();
    *out = boolean->get();
  }
  void operator()(uint32_t* out) const { set_integer(*out); }
  void operator()(uint64_t* out) const { set_integer(*out); }
  void operator()(double* out) const {
    const auto value = node.is_number() ? node.value<double>() : std::nullopt;
    if (!value) wrong_type();
    check_range(*value);
    *out = *value == 0 ? 0 : *value;  // No negative zero, which would be printed.
  }
  void operator()(std::string* out) const {
    const auto* text = node.as_string();
    if (text == nullptr) wrong_type();
    if (const auto* rule = std::get_if<TextRule>(&key.rule)) {
      if (const auto expected = (*rule)(text->get())) refuse(key, node, place, *expected, false);
    }
    *out = text->get();
  }
  void operator()(std::vector<std::string>* out) const {
    const auto* list = node.as_array();
    if (list == nullptr) wrong_type();
    std::vector<std::string> texts;
    for (const toml::node& element : *list) {
      const auto* text = element.as_string();
      if (text == nullptr)
        throw InputError(fmt::format("{}: {}: must be {}, but holds {}", place, key.name,
                                     key.expectation(), kind(element)));
      texts.push_back(text->get());
    }
    *out = std::move(texts);
  }
  void operator()(Choice choice) const {
    const auto* text = node.as_string();
    if (text == nullptr) wrong_type();
    for (size_t i = 0; i < choice.names.size(); ++i) {
      if (choice.names[i] != text->get()) continue;
      *choice.index = static_cast<uint8_t>(i);
      return;
    }
    out_of_range();
  }
};

void set(Loaded& loaded, const Key& key, const toml::node& node, const std::string& place,
         const std::string& origin) {
  std::visit(Setter{key, node, place}, key.field(loaded.recipe));
  loaded.provenance.insert_or_assign(std::string(key.name), origin);
}

[[noreturn]] void refuse_unknown(const std::string& place, std::string_view name) {
  throw InputError(fmt::format("{}: unknown key {}; the nearest is {}", place, printable(name, 80),
                               nearest_key(name)));
}

void read_table(Loaded& loaded, const toml::table& table, const std::string& prefix,
                const std::string& source) {
  for (const auto& [name, node] : table) {
    const std::string full = prefix + std::string(name.str());
    if (const Key* key = find_key(full)) {
      const std::string place = at_line(source, node);
      set(loaded, *key, node, place, place);
    } else if (!is_section(full)) {
      // Of a table that should not be there the first key says more than its own name.
      const toml::table* inner = node.as_table();
      if (inner == nullptr || inner->empty()) refuse_unknown(at_line(source, node), full);
      const auto first = inner->begin();
      refuse_unknown(at_line(source, first->second), full + "." + std::string(first->first.str()));
    } else if (const toml::table* inner = node.as_table()) {
      read_table(loaded, *inner, full + ".", source);
    } else {
      throw InputError(fmt::format("{}: {} must be a table, as [{}], not {}", at_line(source, node),
                                   full, full, kind(node)));
    }
  }
}

toml::table parse_toml(std::string_view text, const std::string& place) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}:{}: not TOML: {}", place, error.source().begin.line,
                                 printable(error.description(), 200)));
  }
}

/// The value of an override. A text need not be quoted, since the shell has taken quotes away.
toml::table parse_value(const Key& key, std::string_view value, const std::string& place) {
  Recipe scratch;
  const Field field = key.field(scratch);
  const bool is_text =
      std::holds_alternative<std::string*>(field) || std::holds_alternative<Choice>(field);
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
  if (key == nullptr) refuse_unknown(place, name);
  const toml::table table = parse_value(*key, std::string_view(text).substr(equals + 1), place);
  set(loaded, *key, *table.get("value"), "--set", "--set");
}

void check_lines(std::string_view text, const std::string& source) {
  size_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kLineBytesMax)
      throw InputError(
          fmt::format("{}:{}: line longer than {} bytes", source, line, kLineBytesMax));
    begin = end + 1;
  }
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
  check_lines(text, source);
  Loaded loaded;
  read_table(loaded, parse_toml(text, source), "", source);
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
