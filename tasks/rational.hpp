#pragma once
// Exact fractions of 64-bit whole numbers: what an answer is worth, without rounding. An operation
// whose result does not fit is nullopt, never a wrong number.

#include <cstdint>
#include <optional>
#include <string>

namespace thespis::tasks {

/// Always in lowest terms with a positive denominator, so that equal values are equal members.
struct Rational {
  int64_t numerator = 0;
  int64_t denominator = 1;

  bool operator==(const Rational&) const = default;
  bool is_zero() const { return numerator == 0; }
};

std::optional<Rational> add(const Rational& a, const Rational& b);
std::optional<Rational> subtract(const Rational& a, const Rational& b);
std::optional<Rational> multiply(const Rational& a, const Rational& b);
/// `b` must not be zero.
std::optional<Rational> divide(const Rational& a, const Rational& b);

/// "7" or "-7/3": the canonical form by which answers are compared in a majority vote.
std::string to_string(const Rational& value);

}  // namespace thespis::tasks
