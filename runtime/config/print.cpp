// A recipe as TOML, from the table of keys.

#include <charconv>

#include <fmt/format.h>

#include "runtime/config/keys.hpp"
#include "runtime/config/load.hpp"
#include "runtime/config/printable.hpp"

namespace thespis::config {
namespace {

struct Printer {
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const uint32_t* value) const { return std::to_string(*value); }
  std::string operator()(const uint64_t* value) const { return std::to_string(*value); }
  std::string operator()(const double* value) const {
    char text[32];  // The shortest digits that read back as the same number fit in 24.
    const auto [end, status] = std::to_chars(text, text + sizeof text, *value);
    std::string out(text, end);
    // TOML tells a float from an integer by its point or exponent.
    if (out.find_first_of(".e") == out.npos) out += ".0";
    return out;
  }
  std::string operator()(const std::string* value) const { return quote(*value); }
  std::string operator()(const std::vector<std::string>* value) const {
    if (value->empty()) return "[]";
    if (value->size() == 1) return '[' + quote(value->front()) + ']';
    std::string out = "[\n";
    for (const std::string& text : *value) out += "  " + quote(text) + ",\n";
    return out + ']';
  }
  std::string operator()(const AutoCount* value) const {
    return value->count == 0 ? quote("auto") : std::to_string(value->count);
  }
  std::string operator()(Choice choice) const { return quote(choice.names[*choice.index]); }
};

std::string print(Recipe& recipe, const Key& key) {
  return std::visit(Printer{}, key.field(recipe));
}

}  // namespace

std::string to_toml(const Loaded& loaded) {
  Recipe recipe = loaded.recipe, defaults;
  std::string out, section;
  for (const Key& key : keys()) {
    if (key.section() != section) {
      section = key.section();
      out += fmt::format("\n[{}]\n", section);
    }
    const auto from = loaded.provenance.find(key.name);
    const std::string value = print(recipe, key);
    const bool is_default = value == print(defaults, key);
    if (key.needed_by && is_default) {
      const auto verb = *key.needed_by == Verb::kTrain ? "train" : "pretrain";
      out += fmt::format("# {} =    # not set; needed by thespis {} | {}\n", key.leaf(), verb,
                         key.about);
      continue;
    }
    const std::string origin = from != loaded.provenance.end() ? from->second
                               : is_default                    ? "default"
                                                               : "set by the program";
    out += fmt::format("{:<34} # {} | {}\n", fmt::format("{} = {}", key.leaf(), value),
                       printable(origin, 200), key.about);
  }
  return out;
}

std::string to_toml(const Recipe& recipe) {
  return to_toml(Loaded{recipe, {}});
}

}  // namespace thespis::config
