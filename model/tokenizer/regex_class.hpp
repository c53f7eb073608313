#pragma once
// The characters that one place of a pattern may match, as PCRE2 writes them: what a class in
// brackets or an escape like \s stands for. Unions, intersections and complements of any of them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::model {

class RegexClass {
 public:
  /// Text that may stand within PCRE2's brackets: "\x{41}-\x{5a}\p{N}".
  static RegexClass of_items(std::string items) { return RegexClass(std::move(items), {}); }
  static RegexClass of_range(uint32_t first, uint32_t last);
  static RegexClass white_space();  ///< \s of Oniguruma: the property White_Space.
  /// \w of Oniguruma: Unicode's UTS 18 without Join_Control; outside brackets ² ³ ¹ ¼ ½ ¾ as well.
  static RegexClass word(bool in_brackets);
  /// \p{NAME} or \P{NAME}: general categories and a few others that both engines know alike; any
  /// other name is taken for a script's.
  static RegexClass property(std::string_view name, bool negated);

  void unite(const RegexClass& other);
  void intersect(const RegexClass& other);
  void complement();
  bool empty() const { return items_.empty() && others_.empty(); }

  /// The class as one atom of a PCRE2 pattern.
  std::string pattern() const;

 private:
  RegexClass(std::string items, std::vector<std::string> others)
      : items_(std::move(items)), others_(std::move(others)) {}

  std::string items_;                // Within brackets.
  std::vector<std::string> others_;  // Atoms that cannot stand within them: alternatives.
};

}  // namespace thespis::model
