// See polynomial.hpp.

#include "tasks/math/polynomial.hpp"

namespace thespis::tasks::math {
namespace {

__extension__ using Wide = __int128;

bool less(const Rational& a, const Rational& b) {
  // Denominators are positive; the products of two 64-bit numbers fit 128 bits.
  return Wide{a.numerator} * b.denominator < Wide{b.numerator} * a.denominator;
}

constexpr const char* kExponentLimit = "an exponent beyond 64 bits";

}  // namespace

bool MonomialOrder::operator()(const Monomial& a, const Monomial& b) const {
  constexpr Rational kZero;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const bool of_a = j == b.size() || (i < a.size() && a[i].first <= b[j].first);
    const bool of_b = i == a.size() || (j < b.size() && b[j].first <= a[i].first);
    const Rational& x = of_a ? a[i].second : kZero;
    const Rational& y = of_b ? b[j].second : kZero;
    if (x != y) return less(x, y);
    i += of_a ? 1 : 0;
    j += of_b ? 1 : 0;
  }
  return false;
}

void Polynomial::add(const Monomial& monomial, const mpq_class& coefficient) {
  if (coefficient == 0) return;
  const auto [at, is_new] = terms.try_emplace(monomial, coefficient);
  if (is_new) {
    if (terms.size() > kTermsMax) throw LimitReached("a sum of more terms than are computed with");
    check_bits(coefficient);
    return;
  }
  at->second += coefficient;
  check_bits(at->second);
  if (at->second == 0) terms.erase(at);
}

Polynomial constant(const mpq_class& value) {
  Polynomial result;
  result.add({}, value);
  return result;
}

Polynomial sum(Polynomial a, const Polynomial& b, Effort& effort) {
  effort.spend(b.terms.size());
  for (const auto& [monomial, coefficient] : b.terms) a.add(monomial, coefficient);
  return a;
}

Polynomial scaled(Polynomial a, const mpq_class& factor) {
  if (factor == 0) return {};
  for (auto& [monomial, coefficient] : a.terms) {
    coefficient *= factor;
    check_bits(coefficient);
  }
  return a;
}

Rational exponent_sum(const Rational& a, const Rational& b) {
  const auto result = add(a, b);
  if (!result) throw LimitReached(kExponentLimit);
  return *result;
}

Rational exponent_product(const Rational& a, const Rational& b) {
  const auto result = multiply(a, b);
  if (!result) throw LimitReached(kExponentLimit);
  return *result;
}

Monomial product(const Monomial& a, const Monomial& b) {
  Monomial result;
  result.reserve(a.size() + b.size());
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i].first < b[j].first)) {
      result.push_back(a[i++]);
    } else if (i == a.size() || b[j].first < a[i].first) {
      result.push_back(b[j++]);
    } else {
      const Rational exponent = exponent_sum(a[i].second, b[j].second);
      if (!exponent.is_zero()) result.emplace_back(a[i].first, exponent);
      ++i, ++j;
    }
  }
  return result;
}

Monomial power(const Monomial& a, const Rational& exponent) {
  Monomial result;
  if (exponent.is_zero()) return result;
  for (const auto& [atom, old] : a) result.emplace_back(atom, exponent_product(old, exponent));
  return result;
}

mpq_class content(const Polynomial& a) {
  mpz_class top = 0, bottom = 1;
  for (const auto& [monomial, coefficient] : a.terms) {
    top = gcd(top, abs(coefficient.get_num()));
    bottom = lcm(bottom, coefficient.get_den());
  }
  mpq_class result(top, bottom);
  result.canonicalize();
  check_bits(result);
  return result;
}

}  // namespace thespis::tasks::math
