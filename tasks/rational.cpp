// Cross-reduction before each product keeps intermediate values as small as the result allows.

#include "tasks/rational.hpp"

#include <limits>
#include <numeric>

#include "runtime/base/assert.hpp"

namespace thespis::tasks {
namespace {

// Its absolute value does not fit, so that no operand or result may be it.
constexpr int64_t kForbidden = std::numeric_limits<int64_t>::min();

std::optional<int64_t> product(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result) || result == kForbidden) return std::nullopt;
  return result;
}

std::optional<int64_t> sum(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result) || result == kForbidden) return std::nullopt;
  return result;
}

}  // namespace

std::optional<Rational> add(const Rational& a, const Rational& b) {
  const int64_t common = std::gcd(a.denominator, b.denominator);
  const auto left = product(a.numerator, b.denominator / common);
  const auto right = product(b.numerator, a.denominator / common);
  if (!left || !right) return std::nullopt;
  const auto numerator = sum(*left, *right);
  if (!numerator) return std::nullopt;
  // Any factor that the sum shares with the least common denominator divides `common` (Knuth,
  // TAOCP 4.5.1): taken out before the product, it cannot make a result that fits overflow.
  const int64_t shared = std::gcd(*numerator, common);
  const auto denominator = product(a.denominator / common, b.denominator / shared);
  if (!denominator) return std::nullopt;
  return Rational{*numerator / shared, *denominator};
}

std::optional<Rational> subtract(const Rational& a, const Rational& b) {
  return add(a, {-b.numerator, b.denominator});
}

std::optional<Rational> multiply(const Rational& a, const Rational& b) {
  const int64_t first = std::gcd(a.numerator, b.denominator);
  const int64_t second = std::gcd(b.numerator, a.denominator);
  const auto numerator = product(a.numerator / first, b.numerator / second);
  const auto denominator = product(a.denominator / second, b.denominator / first);
  if (!numerator || !denominator) return std::nullopt;
  return Rational{*numerator, *denominator};
}

std::optional<Rational> divide(const Rational& a, const Rational& b) {
  THESPIS_ASSERT(!b.is_zero());
  const int64_t sign = b.numerator < 0 ? -1 : 1;
  return multiply(a, {sign * b.denominator, sign * b.numerator});
}

std::string to_string(const Rational& value) {
  const std::string numerator = std::to_string(value.numerator);
  return value.denominator == 1 ? numerator : numerator + "/" + std::to_string(value.denominator);
}

}  // namespace thespis::tasks
