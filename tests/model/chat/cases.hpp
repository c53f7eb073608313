#pragma once
// Templates and variables for the tests of chat templates: the language's cases, which Jinja2 has
// rendered (tests/golden/make_chat_goldens.py), and real models' templates where they are.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/chat/chat_template.hpp"
#include "model/chat/json_value.hpp"
#include "runtime/base/file.hpp"

namespace thespis::test {

inline const std::filesystem::path kGoldens = THESPIS_SOURCE_DIR "/tests/golden";
inline const std::filesystem::path kChatData = THESPIS_SOURCE_DIR "/../shared/data/chat_templates";

/// All members of a JSON object, as a template's variables.
inline model::chat::ChatTemplate::Variables variables_of(const model::chat::Value& object) {
  model::chat::ChatTemplate::Variables variables;
  for (const auto& [name, value] : object.dict()->entries)
    variables.emplace_back(name.str(), value);
  return variables;
}
inline model::chat::ChatTemplate::Variables variables_of(const nlohmann::ordered_json& object) {
  return variables_of(model::chat::parse_json(object.dump(), "object"));
}

struct ChatCase {
  std::string source;
  nlohmann::json golden;  ///< {"text"}, {"raised": TEXT} or {"error": KIND}.
};

/// The variables of the language's cases; digits as they stand in the file.
inline model::chat::ChatTemplate::Variables chat_case_variables() {
  const auto cases = model::chat::parse_json(read_file(kGoldens / "chat_cases.json", 1 << 20), "");
  return variables_of(*cases.dict()->find("variables"));
}

inline std::vector<ChatCase> chat_cases() {
  const auto cases = nlohmann::json::parse(read_file(kGoldens / "chat_cases.json", 1 << 20));
  const auto goldens = nlohmann::json::parse(read_file(kGoldens / "chat_goldens.json", 1 << 20));
  std::vector<ChatCase> out;
  for (size_t i = 0; i < goldens.size(); ++i)
    out.push_back({cases["templates"].at(i).get<std::string>(), goldens[i]});
  return out;
}

}  // namespace thespis::test
