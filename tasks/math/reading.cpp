// See reading.hpp.

#include "tasks/math/reading.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "tasks/math/lexer.hpp"
#include "tasks/math/parser.hpp"
#include "tasks/math/shapes.hpp"

namespace thespis::tasks::math {
namespace {

using View = std::string_view;

/// In the singular; an "s" or "es" behind is one of many.
constexpr std::array<View, 96> kUnits = {
    "cm",         "mm",    "km",      "m",      "dm",       "in",      "inch",    "ft",
    "foot",       "feet",  "yd",      "yard",   "mi",       "mile",    "meter",   "metre",
    "centimeter", "kg",    "g",       "gram",   "kilogram", "lb",      "pound",   "oz",
    "ounce",      "ton",   "s",       "sec",    "second",   "min",     "minute",  "h",
    "hr",         "hour",  "day",     "week",   "month",    "year",    "yr",      "mph",
    "kmh",        "kph",   "dollar",  "cent",   "penny",    "euro",    "rupee",   "usd",
    "degree",     "deg",   "radian",  "rad",    "unit",     "sq",      "square",  "cubic",
    "cu",         "l",     "ml",      "liter",  "litre",    "gallon",  "quart",   "pint",
    "cup",        "acre",  "hectare", "people", "person",   "student", "point",   "way",
    "time",       "digit", "apple",   "coin",   "ticket",   "mark",    "step",    "am",
    "pm",         "ohm",   "volt",    "watt",   "joule",    "newton",  "meal",    "tile",
    "edge",       "men",   "women",   "man",    "woman",    "child",   "children"};

bool is_unit(View word) {
  std::string lower;
  for (const char c : word) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto known = [&](View name) {
    return std::find(kUnits.begin(), kUnits.end(), name) != kUnits.end();
  };
  if (known(lower)) return true;
  if (lower.size() > 3 && lower.ends_with("es") && known(View(lower).substr(0, lower.size() - 2)))
    return true;
  return lower.size() > 2 && lower.ends_with('s') && known(View(lower).substr(0, lower.size() - 1));
}

std::string squeezed(View text) {
  std::string result;
  for (const char c : plain_latex(text))
    if (!std::isspace(static_cast<unsigned char>(c))) result += c;
  return result;
}

/// 12:30 is no ratio.
bool is_clock_time(View text) {
  const size_t colon = text.find(':');
  if (colon == View::npos || colon == 0 || colon > 2 || text.size() != colon + 3) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == ':' || std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
}

/// What stands behind the last equals sign of a chain of at least two.
View last_side(View text) {
  if (text.find_first_of(",;") != View::npos) return text;
  const size_t last = text.rfind('=');
  if (last == View::npos || last == 0 || text.substr(0, last).find('=') == View::npos) return text;
  return text.substr(last + 1);
}

}  // namespace

std::string_view without_unit(std::string_view answer) {
  size_t begin = answer.find_first_of("0123456789");
  if (begin == View::npos ||
      answer.substr(0, begin).find_first_not_of(" -+.$\\({frac") != View::npos)
    return answer;
  const size_t end = answer.find_last_of("0123456789}") + 1;
  // cm^2, cm^{2}: the exponent belongs to the unit.
  size_t number_end = end;
  const View tail_digits = answer.substr(0, end);
  for (const View power : {View("^2"), View("^3"), View("^{2}"), View("^{3}")})
    if (tail_digits.ends_with(power) && end > power.size() &&
        std::isalpha(static_cast<unsigned char>(answer[end - power.size() - 1]))) {
      number_end = answer.substr(0, end - power.size()).find_last_of("0123456789}");
      if (number_end == View::npos) return answer;
      ++number_end;
    }
  const View number = answer.substr(0, number_end);
  View rest = answer.substr(number_end);
  if (number_end != end) rest = rest.substr(0, rest.rfind('^'));
  size_t words = 0;
  while (!rest.empty()) {
    size_t i = 0;
    while (i < rest.size() && (rest[i] == ' ' || rest[i] == '.' || rest[i] == '/')) ++i;
    size_t word_end = i;
    while (word_end < rest.size() && std::isalpha(static_cast<unsigned char>(rest[word_end])))
      ++word_end;
    if (word_end == i) {
      if (i == rest.size()) break;
      return answer;
    }
    const View word = rest.substr(i, word_end - i);
    // 5m is a product, 5 m a length.
    if (!(is_unit(word) || (words > 0 && word == "per")) || (word.size() == 1 && i == 0))
      return answer;
    ++words;
    rest = rest.substr(word_end);
  }
  return words == 0 ? answer : number;
}

Reading read_answer(std::string_view text, const Notation& notation) {
  Reading reading;
  std::vector<std::string> candidates;
  try {
    candidates = answer_candidates(text, notation);
  } catch (const LimitReached& limit) {
    reading.limit = limit.what();
    return reading;
  }
  for (const std::string& candidate : candidates) {
    if (candidate.find_first_not_of(" \t\r\n") == std::string::npos) continue;
    try {
      const std::string plain = squeezed(candidate);
      if (reading.text.empty()) reading.text = plain;
      if (is_clock_time(plain)) {
        reading.answer = make_node(Kind::kText, "clock" + plain, {});
      } else {
        const View bare = without_unit(candidate);
        try {
          reading.answer = without_plus_minus(parse(bare));
        } catch (const SyntaxError&) {
          const View last = last_side(candidate);
          if (last == candidate) throw;
          reading.answer = without_plus_minus(parse(last));
        }
      }
      reading.text = plain;
      return reading;
    } catch (const SyntaxError&) {
      continue;  // The next candidate, as long as there is one.
    } catch (const NoValue&) {
      continue;
    } catch (const LimitReached& limit) {
      reading.limit = limit.what();
      return reading;
    }
  }
  return reading;
}

}  // namespace thespis::tasks::math
