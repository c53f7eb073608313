#include "runtime/config/key_table.hpp"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace thespis::config {
namespace {

std::string number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<int64_t>(value));
  return value == 9223372036854775807.0 ? "9223372036854775807" : fmt::format("{}", value);
}

}  // namespace

// Restricted Damerau-Levenshtein: insertions, deletions, replacements, swaps of neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  std::iota(previous.begin(), previous.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

std::string expectation_of(const Field& where, const Rule& rule) {
  if (const auto* one_of = std::get_if<Choice>(&where))
    return fmt::format("one of \"{}\"", fmt::join(one_of->names, "\", \""));
  if (std::holds_alternative<bool*>(where)) return "true or false";
  if (std::holds_alternative<std::string*>(where)) return "a text in quotes";
  if (std::holds_alternative<std::vector<std::string>*>(where))
    return "a list of texts, as [\"a\", \"b\"]";
  const auto& range = std::get<Range>(rule);
  if (std::holds_alternative<AutoCount*>(where))
    return fmt::format("\"auto\", or a whole number from {} to {}", number(range.low),
                       number(range.high));
  return fmt::format("{} {} {} {} {}",
                     std::holds_alternative<double*>(where) ? "a number" : "a whole number",
                     range.open ? "above" : "from", number(range.low),
                     range.open ? "and at most" : "to", number(range.high));
}

}  // namespace thespis::config
