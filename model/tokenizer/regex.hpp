#pragma once
// Regular expressions of a tokenizer.json, run by PCRE2 (compiled to machine code where the system
// allows it). Patterns and texts come from strangers: steps and memory of a search are bounded.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace thespis::model {

/// Steps back that one attempt at a place of a text may take: more than any pattern needs that
/// looks at each character a few times.
inline constexpr uint32_t kRegexStepsPerByte = 32, kRegexStepsMin = 100'000;
inline constexpr uint32_t kRegexHeapKibMax = 64 << 10;

/// Working memory of searches: one for each thread, or for each text.
class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

 private:
  friend class Regex;
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Immutable; any number of threads may search with it.
class Regex {
 public:
  struct Match {
    size_t begin, end;
  };

  /// Oniguruma's syntax (regex_syntax.hpp). The error says what is wrong with the pattern.
  static tl::expected<Regex, std::string> compile(std::string_view pattern);

  /// The leftmost match that begins at `from` or later in `text`, well-formed UTF-8, `from` the
  /// beginning of a character. Throws InputError where the search takes more than its bounds.
  std::optional<Match> find(std::string_view text, size_t from, RegexScratch& scratch) const;

  const std::string& pattern() const { return pattern_; }

 private:
  struct Code;
  Regex(std::shared_ptr<const Code> code, std::string_view pattern)
      : code_(std::move(code)), pattern_(pattern) {}
  std::shared_ptr<const Code> code_;  // Shared by copies of a tokenizer.
  std::string pattern_;
};

}  // namespace thespis::model
