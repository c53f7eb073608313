// thespis verify-math: a filter for scripts; JSON lines in, one line out for each, in order.

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/json_lines.hpp"
#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "tasks/math/verify.hpp"

namespace thespis::app {
namespace {

using nlohmann::json;

const std::string& text_field(const json& row, const char* key) {
  const auto field = row.find(key);
  if (field == row.end() || !field->is_string())
    throw InputError(fmt::format("\"{}\" is missing or no string", key));
  return field->get_ref<const std::string&>();
}

tasks::math::VerifyOptions options_of(const json& row) {
  tasks::math::VerifyOptions result;
  const auto options = row.find("options");
  if (options == row.end() || options->is_null()) return result;
  if (!options->is_object()) throw InputError("\"options\" is no object");
  for (const auto& [key, value] : options->items()) {
    if (key == "match_types" && value.is_array()) {
      result.notation = {false, false};
      for (const json& type : value) {
        if (type != "latex" && type != "expr" && type != "string")
          throw InputError("\"match_types\" holds other than \"latex\", \"expr\", \"string\"");
        if (type == "latex") result.notation.latex = true;
        if (type == "expr") result.notation.plain = true;
      }
    } else if (key == "precision" && value.is_number_unsigned() && value <= 15) {
      result.compare.decimals = value;
    } else if (key == "allow_set_relation_comp" && value.is_boolean()) {
      result.compare.relations_as_sets = value;
    } else {
      throw InputError(fmt::format(
          "option \"{}\" is unknown or has a wrong value; there are \"match_types\" (a list), "
          "\"precision\" (0 to 15), \"allow_set_relation_comp\" (true or false)",
          key));
    }
  }
  return result;
}

}  // namespace

int run_verify_math() {
  return filter_json_lines([](const json& row) -> json {
    const auto result = tasks::math::verify(text_field(row, "gold"), text_field(row, "prediction"),
                                            options_of(row));
    return {{"outcome", name(result.judgement)}, {"why", result.why}};
  });
}

}  // namespace thespis::app
