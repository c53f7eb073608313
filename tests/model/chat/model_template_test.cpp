// Goal: a model's chat template is found where Hugging Face keeps it, and asks as the model was
// trained to be asked. Method: directories of every shape.

#include "model/chat/model_template.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tests/model/files.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace thespis;
using model::chat::find_template;
using model::chat::ModelTemplate;
using nlohmann::json;

namespace {

constexpr const char* kMessages = R"([{"role": "user", "content": "Hi"}])";

std::string refusal(const std::filesystem::path& dir) {
  try {
    ModelTemplate::load(dir);
    return "(accepted)";
  } catch (const InputError& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("model template: a file of its own goes before a key of tokenizer_config.json") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  CHECK_FALSE(find_template(dir));
  CHECK(refusal(dir) == dir.string() +
                            ": the model has no chat template: neither chat_template.jinja nor a "
                            "chat_template in tokenizer_config.json");
  const auto config_file = dir / "tokenizer_config.json";
  test::write_file(config_file, R"({"chat_template": null})");
  CHECK_FALSE(find_template(dir));
  test::write_file(config_file, R"({"chat_template": "config"})");
  CHECK(find_template(dir)->text == "config");
  CHECK(find_template(dir)->place == config_file.string() + ": chat_template");
  test::write_file(dir / "chat_template.jinja", "file");
  CHECK(find_template(dir)->text == "file");
  CHECK(find_template(dir)->place == (dir / "chat_template.jinja").string());
}

TEST_CASE("model template: of several by name, the default") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  const json tools = {{"name", "tool_use"}, {"template", "tools"}};
  const json absent = {{"name", "default"}, {"template", "the default"}};
  const auto write = [&](const json& value) {
    test::write_file(dir / "tokenizer_config.json", json{{"chat_template", value}}.dump());
  };
  write({tools, absent});
  CHECK(find_template(dir)->text == "the default");
  const std::string wrong = (dir / "tokenizer_config.json").string() +
                            ": chat_template is neither a text nor a list with one named "
                            "\"default\"";
  for (const json& value : {json::array({tools}), json::array({5}), json(5), json::object()}) {
    write(value);
    CHECK(refusal(dir) == wrong);
  }
}

TEST_CASE("model template: the prompt has the special tokens and asks for an answer") {
  const test::TemporaryDirectory temporary;
  const std::filesystem::path dir = temporary.path();
  test::write_file(dir / "tokenizer_config.json",
                   json{{"bos_token", {{"content", "<b>"}, {"lstrip", false}}},
                        {"eos_token", "<e>"},
                        {"pad_token", nullptr},
                        {"chat_template",
                         "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
                         "{% if add_generation_prompt %}|{% endif %}{{ tools is none }}"
                         "{{ documents is none }}{{ pad_token is defined }}"
                         "{{ strftime_now is defined }}"}}
                       .dump());
  CHECK(ModelTemplate::load(dir).prompt(kMessages, std::nullopt) == "<b>Hi<e>|TrueTrueFalseFalse");
  CHECK_THROWS_AS(ModelTemplate::load(dir).prompt("[", std::nullopt), InputError);
  test::write_file(dir / "chat_template.jinja", "\n{% if %}");
  CHECK(refusal(dir).starts_with((dir / "chat_template.jinja").string() + " line 2: "));
  test::write_file(dir / "tokenizer_config.json", "[]");
  CHECK(refusal(dir) == (dir / "tokenizer_config.json").string() + ": is not an object");
}
