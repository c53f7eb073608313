#include "app/json_lines.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/error.hpp"

namespace thespis::app {
namespace {

using nlohmann::json;

constexpr size_t kLineBytesMax = 256 << 20;

/// The next line without its end; of a longer one its first kLineBytesMax + 1 bytes. False: there
/// is none.
bool read_line(std::string& line) {
  line.clear();
  int c = getc_unlocked(stdin);
  if (c == EOF) return false;
  for (; c != EOF && c != '\n'; c = getc_unlocked(stdin))
    if (line.size() <= kLineBytesMax) line += static_cast<char>(c);
  return true;
}

json answer(const std::string& line, const std::function<json(const std::string&)>& body) {
  try {
    if (line.size() > kLineBytesMax)
      throw InputError("line is longer than " + std::to_string(kLineBytesMax) + " bytes");
    return body(line);
  } catch (const InputError& e) {
    return {{"error", e.what()}};
  }
}

json object_of(const std::string& line) {
  try {
    json object = json::parse(line);
    if (!object.is_object()) throw InputError("line is not a JSON object");
    return object;
  } catch (const json::parse_error& e) {
    throw InputError("line is not valid JSON, at byte " + std::to_string(e.byte));
  } catch (const json::out_of_range&) {
    throw InputError("line has a number that no double can hold");
  }
}

}  // namespace

int filter_json_lines(const std::function<json(const json&)>& body) {
  return filter_lines([&body](const std::string& line) { return body(object_of(line)); });
}

int filter_lines(const std::function<json(const std::string&)>& body) {
  for (std::string line; read_line(line);) {
    // What an error quotes of a line need not be UTF-8.
    const std::string out = answer(line, body).dump(-1, ' ', false, json::error_handler_t::replace);
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fputc('\n', stdout);
    if (std::fflush(stdout) != 0) throw Error("the standard output cannot be written");
  }
  if (std::ferror(stdin) != 0) throw Error("the standard input cannot be read");
  return 0;
}

}  // namespace thespis::app
