// Files are read as they are unpacked; what is kept of a row is its task.

#include "tasks/data/jsonl.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/base/line_reader.hpp"
#include "tasks/code/code_task.hpp"
#include "tasks/countdown/countdown_row.hpp"
#include "tasks/data/gold.hpp"
#include "tasks/data/prompt.hpp"
#include "tasks/verifier.hpp"

namespace thespis::tasks {
namespace {

using nlohmann::ordered_json;

/// Names the field in what a reader of it throws.
template <class Read>
auto field_named(const std::string& key, const Read& read) {
  try {
    return read();
  } catch (const InputError& error) {
    throw InputError(fmt::format("\"{}\": {}", key, error.what()));
  }
}

/// The object of a row of any kind but Countdown.
ordered_json object_of(std::string_view line) {
  static constexpr int kDepthMax = 100;  // Who writes it out again needs the stack.
  if (line.size() > kRowBytesMax)
    throw InputError(fmt::format("{} bytes in one row; at most {}", line.size(), kRowBytesMax));
  const auto bounded = [](int depth, ordered_json::parse_event_t, const ordered_json&) {
    if (depth > kDepthMax) throw InputError(fmt::format("nested more than {} deep", kDepthMax));
    return true;
  };
  auto row = ordered_json::parse(line, bounded, /*allow_exceptions=*/false);
  if (row.is_discarded())
    throw InputError(
        "not JSON; expected a row like {\"question\": \"2 + 2 = ?\", \"answer\": \"4\"}");
  if (!row.is_object())
    throw InputError("not an object; expected one like {\"question\": ..., \"answer\": ...}");
  return row;
}

const ordered_json& required(const ordered_json& row, const std::string& path,
                             std::string_view key) {
  const ordered_json* found = find_field(row, path);
  if (found == nullptr || found->is_null())
    throw InputError(fmt::format("no \"{}\"; {} names the field", path, key));
  return *found;
}

Task math_task(std::string_view line, std::string place, const config::DataSection& section,
               const PromptMaker& maker) {
  const ordered_json row = object_of(line);
  const ordered_json& question = required(row, section.prompt_key, "data.prompt_key");
  const ordered_json& answer = required(row, section.answer_key, "data.answer_key");
  std::string prompt = field_named(
      section.prompt_key, [&] { return prompt_for(question, section.prompt_template, maker); });
  const std::string gold = field_named(section.answer_key, [&] {
    if (answer.is_number()) return answer.dump();
    if (!answer.is_string()) throw InputError("is neither a text nor a number");
    return gold_of(answer.get<std::string>(), section.answer_format);
  });
  const std::string task_row = ordered_json{{"prompt", prompt}, {"answer", gold}}.dump();
  return {std::move(place), std::string(kMathKind), std::move(prompt), task_row};
}

Task code_task(std::string_view line, std::string place, const config::DataSection& section,
               const PromptMaker& maker) {
  const ordered_json row = object_of(line);
  const ordered_json& question = required(row, section.prompt_key, "data.prompt_key");
  std::string prompt = field_named(
      section.prompt_key, [&] { return prompt_for(question, section.prompt_template, maker); });
  try {
    return {std::move(place), std::string(kCodeKind), std::move(prompt),
            to_json(code_task_of(nlohmann::json(row))).dump()};
  } catch (const nlohmann::json::exception&) {
    throw InputError("a field of the task is of the wrong type, or a text is not UTF-8");
  }
}

Task countdown_task(std::string_view line, std::string place, const config::DataSection& section,
                    const PromptMaker& maker) {
  const auto row = parse_row(line);
  const Countdown instance = countdown_of(row);
  const auto given = row.find(section.prompt_key);
  if (given != row.end() && !given->is_string())
    throw InputError(
        fmt::format("\"{}\" is not a text; expected the question in quotes", section.prompt_key));
  const std::string question = given != row.end()
                                   ? given->get<std::string>()
                                   : countdown_question(instance.numbers, instance.target);
  return {std::move(place), std::string(kCountdownKind),
          prompt_for(question, section.prompt_template, maker), to_row(instance)};
}

Task task_of(std::string_view line, std::string place, const config::DataSection& section,
             const PromptMaker& maker) {
  switch (section.kind) {
    case config::RowKind::kCountdown:
      return countdown_task(line, std::move(place), section, maker);
    case config::RowKind::kMath:
      return math_task(line, std::move(place), section, maker);
    case config::RowKind::kCode:
      break;
  }
  return code_task(line, std::move(place), section, maker);
}

void read_file_rows(const std::string& path, const config::DataSection& section,
                    const PromptMaker& maker, JsonlRows& rows) {
  LineReader lines(path);
  for (std::string_view line; lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const std::string place = fmt::format("{}:{}", path, lines.line_number());
    try {
      rows.tasks.push_back(task_of(line, place, section, maker));
    } catch (const InputError& error) {
      const std::string message = fmt::format("{}: {}", place, error.what());
      if (section.on_bad_row == config::OnBadRow::kError) throw InputError(message);
      if (++rows.skipped.count == 1) rows.skipped.first = message;
    }
  }
}

}  // namespace

JsonlRows read_jsonl(const std::vector<std::string>& files, const config::DataSection& section,
                     const PromptMaker& maker) {
  JsonlRows rows;
  for (const std::string& path : files) read_file_rows(path, section, maker, rows);
  return rows;
}

}  // namespace thespis::tasks
