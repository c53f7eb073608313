#include "runtime/config/table_reader.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "runtime/base/error.hpp"
#include "runtime/config/printable.hpp"

namespace thespis::config {
namespace {

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

[[noreturn]] void refuse(std::string_view name, const toml::node& node, const std::string& place,
                         std::string_view expected, bool wrong_type) {
  throw InputError(fmt::format("{}: {} = {}: must be {}{}", place, name, shown(node), expected,
                               wrong_type ? ", not " + kind(node) : ""));
}

/// Writes one value, or refuses it.
struct Setter {
  std::string_view name;
  const Rule& rule;
  const Field& field;
  const toml::node& node;
  const std::string& place;

  [[noreturn]] void wrong_type() const {
    refuse(name, node, place, expectation_of(field, rule), true);
  }
  [[noreturn]] void out_of_range() const {
    refuse(name, node, place, expectation_of(field, rule), false);
  }

  void check_range(double value) const {
    const auto& range = std::get<Range>(rule);
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
    if (const auto* text_rule = std::get_if<TextRule>(&rule)) {
      if (const auto expected = (*text_rule)(text->get()))
        refuse(name, node, place, *expected, false);
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
        throw InputError(fmt::format("{}: {}: must be {}, but holds {}", place, name,
                                     expectation_of(field, rule), kind(element)));
      texts.push_back(text->get());
    }
    *out = std::move(texts);
  }
  void operator()(AutoCount* out) const {
    const auto* text = node.as_string();
    if (text != nullptr && text->get() != "auto") out_of_range();
    if (text != nullptr)
      out->count = 0;
    else
      set_integer(out->count);
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

}  // namespace

std::string at_line(const std::string& source, const toml::node& node) {
  return fmt::format("{}:{}", source, node.source().begin.line);
}

void set_value(std::string_view name, const Rule& rule, const Field& field, const toml::node& node,
               const std::string& place) {
  std::visit(Setter{name, rule, field, node, place}, field);
}

void refuse_unknown(const std::string& place, std::string_view name, std::string_view nearest) {
  throw InputError(
      fmt::format("{}: unknown key {}; the nearest is {}", place, printable(name, 80), nearest));
}

void refuse_not_a_table(const std::string& place, const std::string& name, const toml::node& node) {
  throw InputError(
      fmt::format("{}: {} must be a table, as [{}], not {}", place, name, name, kind(node)));
}

toml::table parse_toml(std::string_view text, const std::string& place) {
  check_lines(text, place);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}:{}: not TOML: {}", place, error.source().begin.line,
                                 printable(error.description(), 200)));
  }
}

}  // namespace thespis::config
