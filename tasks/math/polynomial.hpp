#pragma once
// Sums of rational multiples of products of powers. What is raised to a power is an atom: a symbol,
// a prime under a root, pi, a function's value; here it is only a number.
//   PO-1  No term has the coefficient zero, no monomial an exponent zero; atoms ascend. So equal
//         polynomials are equal members.

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <gmpxx.h>

#include "tasks/math/limits.hpp"
#include "tasks/rational.hpp"

namespace thespis::tasks::math {

using AtomId = uint32_t;
/// Each atom with its exponent. Negative and fractional exponents are allowed.
using Monomial = std::vector<std::pair<AtomId, Rational>>;

/// Lexicographic by exponents, an absent atom being one to the power zero: m < n implies km < kn.
struct MonomialOrder {
  bool operator()(const Monomial& a, const Monomial& b) const;
};

struct Polynomial {
  std::map<Monomial, mpq_class, MonomialOrder> terms;

  bool operator==(const Polynomial&) const = default;
  bool is_zero() const { return terms.empty(); }
  bool is_one() const { return is_constant() && value() == 1; }
  /// No atoms in it.
  bool is_constant() const {
    return terms.empty() || (terms.size() == 1 && terms.begin()->first.empty());
  }
  /// Of a constant.
  mpq_class value() const { return terms.empty() ? mpq_class(0) : terms.begin()->second; }
  /// Adds one term. Throws LimitReached: too many terms, or bits.
  void add(const Monomial& monomial, const mpq_class& coefficient);
};

Polynomial constant(const mpq_class& value);
Polynomial sum(Polynomial a, const Polynomial& b, Effort& effort);
Polynomial scaled(Polynomial a, const mpq_class& factor);

/// Throw LimitReached where an exponent does not fit 64 bits.
Rational exponent_sum(const Rational& a, const Rational& b);
Rational exponent_product(const Rational& a, const Rational& b);
Monomial product(const Monomial& a, const Monomial& b);
Monomial power(const Monomial& a, const Rational& exponent);

/// The greatest c > 0 for which all coefficients / c are whole numbers. Not of zero.
mpq_class content(const Polynomial& a);

}  // namespace thespis::tasks::math
