// Files are mapped, not read into memory; what is kept of a row is its task.

#include "tasks/data/jsonl.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "tasks/countdown/countdown_row.hpp"
#include "tasks/data/prompt.hpp"
#include "tasks/verifier.hpp"

namespace thespis::tasks {
namespace {

Task task_of_line(std::string_view line, std::string place, const config::DataSection& section) {
  const nlohmann::json row = parse_row(line);
  const Countdown instance = countdown_of(row);
  const auto prompt = row.find(section.prompt_key);
  if (prompt != row.end() && !prompt->is_string())
    throw InputError(
        fmt::format("\"{}\" is not a text; expected the question in quotes", section.prompt_key));
  const std::string question = prompt != row.end()
                                   ? prompt->get<std::string>()
                                   : countdown_question(instance.numbers, instance.target);
  return {std::move(place), std::string(kCountdownKind),
          prompt_of(question, section.prompt_template), to_row(instance)};
}

void read_file_rows(const std::string& path, const config::DataSection& section, JsonlRows& rows) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (uint64_t line_number = 1; !rest.empty(); ++line_number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    std::string place = fmt::format("{}:{}", path, line_number);
    try {
      rows.tasks.push_back(task_of_line(line, place, section));
    } catch (const InputError& error) {
      const std::string message = fmt::format("{}: {}", place, error.what());
      if (section.on_bad_row == config::OnBadRow::kError) throw InputError(message);
      if (++rows.skipped.count == 1) rows.skipped.first = message;
    }
  }
}

}  // namespace

JsonlRows read_jsonl(const std::vector<std::string>& files, const config::DataSection& section) {
  JsonlRows rows;
  for (const std::string& path : files) read_file_rows(path, section, rows);
  return rows;
}

}  // namespace thespis::tasks
