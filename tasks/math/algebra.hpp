#pragma once
// Exact computing with what answers are made of: rational numbers, roots, pi, e, i, logarithms and
// circular functions, symbols. A value is a quotient of polynomials over atoms in which as many
// relations as possible are built in: i i = -1, sqrt2 sqrt2 = 2, sin and cos as powers of e, ln 6
// as ln 2 + ln 3. What has no such form is an atom that may depend on others.
//   AL-1  is_zero() true is a proof. False is one too where depends() is false (for pi, e and
//         logarithms as far as their independence is known or conjectured by Schanuel).
//   AL-2  One Algebra serves one comparison, in which equal atoms are the same atom.

#include <complex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tasks/math/polynomial.hpp"

namespace thespis::tasks::math {

/// numerator / denominator, not in lowest terms; the denominator is not zero.
struct Form {
  Polynomial numerator;
  Polynomial denominator = constant(1);
};

enum class AtomKind : uint8_t {
  kSymbol,
  kPrime,  ///< Under a root: its exponent lies in (0, 1).
  kPi,
  kUnit,      ///< i
  kExp,       ///< e to the power of a monomial
  kLog,       ///< of a prime, of pi or a symbol (of), or of anything else
  kRoot,      ///< a polynomial, under a root
  kFunction,  ///< any other function's value
};

struct Atom {
  AtomKind kind = AtomKind::kSymbol;
  std::string name;        ///< For the same thing the same, in every comparison.
  mpz_class prime;         ///< kPrime, kLog of a prime; else 0.
  Monomial of;             ///< kExp, and kLog of one atom.
  Polynomial base;         ///< kRoot
  std::vector<Form> args;  ///< kFunction, and kLog of anything else.
  bool depends = false;    ///< Relations to other atoms may be unknown.
};

using Number = std::complex<long double>;

class Algebra {
 public:
  Form number(const mpq_class& value) const { return {constant(value)}; }
  Form symbol(const std::string& name);
  Form pi();
  Form imaginary_unit();
  /// A function's value that nothing is known about; `depends` as in Atom.
  Form opaque(const std::string& name, std::vector<Form> args, bool depends);

  Form add(const Form& a, const Form& b);
  Form subtract(const Form& a, const Form& b);
  Form multiply(const Form& a, const Form& b);
  /// Throws NoValue: zero.
  Form invert(const Form& a);
  /// Throws NoValue: zero to the power of zero or less.
  Form power(const Form& base, const Form& exponent);
  Form root_power(const Form& base, const Rational& exponent);
  Form exp(const Form& a);
  Form log(const Form& a);
  Form abs(const Form& a);
  /// "sin", "arctan", "cosh", ...; angles in radians.
  Form trigonometric(std::string_view name, const Form& a);

  bool is_zero(const Form& a) const { return a.numerator.is_zero(); }
  bool depends(const Form& a) const;
  /// Symbols and unknown functions occur in it.
  bool has_symbols(const Form& a) const;
  std::optional<mpq_class> rational(const Form& a) const;
  /// Without symbols, and real as far as 15 digits tell; rounded to long double.
  std::optional<long double> real_value(const Form& a) const;
  /// With the symbols' values of a sample; no value: overflow or the like.
  std::optional<Number> numeric(const Form& a, uint32_t sample) const;
  /// The same for equal values of the same form, in every comparison.
  std::string text(const Form& a) const;

  Effort& effort() { return effort_; }

 private:
  AtomId intern(Atom atom);
  Form single(AtomId atom, const Rational& exponent = {1, 1}) const;
  Form term(const Monomial& monomial, const mpq_class& coefficient);
  Polynomial reduced(Monomial monomial, mpq_class coefficient);
  Polynomial multiply(const Polynomial& a, const Polynomial& b);
  std::optional<Polynomial> divided(const Polynomial& a, const Polynomial& b);
  Form simplified(Form a);
  Form integer_power(const Form& base, int64_t exponent);
  Form number_power(const mpq_class& base, const Rational& exponent);
  Form prime_power(const mpz_class& base, const Rational& exponent);
  Form polynomial_root(const Polynomial& base, const Rational& exponent);
  std::optional<Form> denested(const Polynomial& base);
  Form unit_root(const Rational& half_turns);
  Form exp_term(const Monomial& monomial, const mpq_class& coefficient);
  Form log_of_polynomial(const Polynomial& a);
  Form log_of_number(const mpz_class& a);
  std::optional<Form> known_angle(std::string_view name, const Form& value);
  std::vector<std::pair<mpz_class, uint32_t>> factors_of(mpz_class a);

  std::optional<Number> numeric(const Polynomial& a, uint32_t sample) const;
  std::optional<Number> numeric(const Monomial& a, uint32_t sample) const;
  std::optional<Number> numeric(const Atom& a, uint32_t sample) const;
  std::string text(const Polynomial& a) const;
  std::string text(const Monomial& a) const;

  std::vector<Atom> atoms_;
  std::unordered_map<std::string, AtomId> ids_;
  mutable Effort effort_;  ///< Reading costs as well: atoms hold atoms.
};

/// Neither absolute nor relative to their size do the two differ by more than rounding explains.
bool nearly_equal(const Number& a, const Number& b);

}  // namespace thespis::tasks::math
