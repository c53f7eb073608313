// Powers and roots: of numbers by their prime factors, of single terms factor by factor, of sums
// where the root comes out, else as an atom.

#include "tasks/math/algebra.hpp"

namespace thespis::tasks::math {
namespace {

std::optional<Rational> small_rational(const mpq_class& value) {
  if (!value.get_num().fits_slong_p() || !value.get_den().fits_slong_p()) return std::nullopt;
  const Rational result{value.get_num().get_si(), value.get_den().get_si()};
  if (result.numerator == INT64_MIN || result.denominator == INT64_MIN) return std::nullopt;
  return result;
}

std::optional<mpq_class> square_root(const mpq_class& value) {
  if (value < 0 || !mpz_perfect_square_p(value.get_num_mpz_t()) ||
      !mpz_perfect_square_p(value.get_den_mpz_t()))
    return std::nullopt;
  return mpq_class(sqrt(value.get_num()), sqrt(value.get_den()));
}

}  // namespace

Form Algebra::power(const Form& base, const Form& exponent) {
  if (const auto value = rational(exponent)) {
    if (const auto trivial = rational(base); trivial && *trivial == 1) return number(1);
    const auto fits = small_rational(*value);
    if (!fits) throw LimitReached("an exponent beyond 64 bits");
    return fits->denominator == 1 ? integer_power(base, fits->numerator) : root_power(base, *fits);
  }
  if (is_zero(base)) throw NoValue("zero to the power of an unknown");
  return exp(multiply(exponent, log(base)));
}

Form Algebra::root_power(const Form& base, const Rational& exponent) {
  if (exponent.denominator == 1) return integer_power(base, exponent.numerator);
  if (is_zero(base)) {
    if (exponent.numerator < 0) throw NoValue("a division by zero");
    return {};
  }
  if (!base.denominator.is_one())
    return multiply(root_power({base.numerator}, exponent),
                    invert(root_power({base.denominator}, exponent)));
  if (base.numerator.terms.size() > 1) return polynomial_root(base.numerator, exponent);
  const Monomial monomial = base.numerator.terms.begin()->first;
  Form result = number_power(base.numerator.terms.begin()->second, exponent);
  for (const auto& [id, old] : monomial) {
    const Rational scaled = exponent_product(old, exponent);
    const AtomKind kind = atoms_[id].kind;
    // The root of x^2 is |x|: an even power below, an odd one outside.
    const bool any_sign = kind == AtomKind::kSymbol || kind == AtomKind::kFunction;
    const bool is_absolute = any_sign && old.denominator == 1 && old.numerator % 2 == 0 &&
                             exponent.denominator % 2 == 0 && scaled.numerator % 2 != 0;
    if (kind == AtomKind::kUnit)
      result = multiply(result, unit_root(exponent_product(scaled, {1, 2})));
    else if (kind == AtomKind::kPrime)
      result = multiply(result, prime_power(mpz_class(atoms_[id].prime), scaled));
    else if (is_absolute)
      result = multiply(result, root_power(abs(single(id)), scaled));
    else
      result = multiply(result, term({{id, scaled}}, 1));
  }
  return result;
}

/// Prime factors, small first. What trial division leaves is taken for a prime if it is one.
std::vector<std::pair<mpz_class, uint32_t>> Algebra::factors_of(mpz_class a) {
  std::vector<std::pair<mpz_class, uint32_t>> result;
  const auto take = [&](const mpz_class& prime) {
    mpz_class rest;
    const auto count =
        static_cast<uint32_t>(mpz_remove(rest.get_mpz_t(), a.get_mpz_t(), prime.get_mpz_t()));
    if (count > 0) result.emplace_back(prime, count);
    a = rest;
  };
  effort_.spend(mpz_size(a.get_mpz_t()));
  for (uint32_t candidate = 2; candidate <= kTrialDivisorMax && a > 1; ++candidate)
    if (mpz_divisible_ui_p(a.get_mpz_t(), candidate)) take(mpz_class(candidate));
  if (a == 1) return result;
  // A power of one large prime: the largest exponent first.
  for (auto n = static_cast<uint32_t>(mpz_sizeinbase(a.get_mpz_t(), 2) / 10 + 1); n >= 2; --n) {
    mpz_class root;
    if (mpz_root(root.get_mpz_t(), a.get_mpz_t(), n) != 0) {
      result.emplace_back(root, n);
      return result;
    }
  }
  result.emplace_back(a, 1);
  return result;
}

/// A root of a whole number > 1 that is prime or could not be factored.
Form Algebra::prime_power(const mpz_class& base, const Rational& exponent) {
  Atom atom;
  atom.kind = AtomKind::kPrime;
  atom.name = base.get_str();
  atom.prime = base;
  const bool certain =
      base <= uint64_t{kTrialDivisorMax} * kTrialDivisorMax ||
      (mpz_sizeinbase(base.get_mpz_t(), 2) <= 512 && mpz_probab_prime_p(base.get_mpz_t(), 24) > 0);
  atom.depends = !certain;
  return term({{intern(std::move(atom)), exponent}}, 1);
}

Form Algebra::number_power(const mpq_class& base, const Rational& exponent) {
  Form result = number(1);
  if (base < 0)  // An odd root of a negative number is the real one.
    result = exponent.denominator % 2 != 0 ? number(exponent.numerator % 2 == 0 ? 1 : -1)
                                           : unit_root(exponent);
  for (const auto& [prime, count] : factors_of(::abs(base.get_num())))
    result = multiply(result, prime_power(prime, exponent_product({count, 1}, exponent)));
  for (const auto& [prime, count] : factors_of(base.get_den()))
    result = multiply(result, prime_power(prime, exponent_product({-int64_t{count}, 1}, exponent)));
  return result;
}

Form Algebra::polynomial_root(const Polynomial& base, const Rational& exponent) {
  const mpq_class factor = content(base);
  const Polynomial rest = scaled(base, 1 / factor);
  Form result = number_power(factor, exponent);
  if (exponent.denominator == 2)
    if (const auto root = denested(rest))
      return multiply(result, integer_power(*root, exponent.numerator));
  Atom atom;
  atom.kind = AtomKind::kRoot;
  atom.name = "\\root(" + text(rest) + ")";
  atom.base = rest;
  const AtomId id = intern(std::move(atom));
  if (exponent.numerator > 0) return multiply(result, term({{id, exponent}}, 1));
  // r^(-1/2) as r^(1/2) / r, so that only one of the two is ever written.
  const int64_t whole = (-exponent.numerator + exponent.denominator - 1) / exponent.denominator;
  Form positive = term({{id, exponent_sum(exponent, {whole, 1})}}, 1);
  return multiply(result, multiply(positive, invert(integer_power({rest}, whole))));
}

/// The square root of a + b sqrt n, where it is a sum of two roots; and of a square of a binomial.
std::optional<Form> Algebra::denested(const Polynomial& base) {
  if (base.terms.size() == 2 && base.terms.begin()->first.empty()) {
    const mpq_class a = base.terms.begin()->second;
    Form other;
    other.numerator.add(base.terms.rbegin()->first, base.terms.rbegin()->second);
    const auto other_square = rational(multiply(other, other));
    const auto sign = real_value(other);
    if (!other_square || !sign || a <= 0) return std::nullopt;
    const auto root = square_root(a * a - *other_square);
    if (!root) return std::nullopt;
    const Form plus = number_power((a + *root) / 2, {1, 2});
    const mpq_class less = (a - *root) / 2;
    if (less <= 0) return std::nullopt;
    const Form minus = number_power(less, {1, 2});
    return *sign < 0 ? subtract(plus, minus) : add(plus, minus);
  }
  if (base.terms.size() != 3) return std::nullopt;
  // x^2 + 2 x y + y^2: the outer terms decide, the middle one must agree.
  const auto& [first, x] = *base.terms.begin();
  const auto& [last, y] = *base.terms.rbegin();
  const auto root_x = square_root(x), root_y = square_root(y);
  if (!root_x || !root_y) return std::nullopt;
  for (const int sign : {1, -1}) {
    Polynomial root;
    root.add(math::power(first, {1, 2}), *root_x);
    root.add(math::power(last, {1, 2}), *root_y * sign);
    for (const auto& [monomial, factor] : root.terms)
      for (const auto& [id, exponent] : monomial)
        if (exponent.denominator != 1) return std::nullopt;
    if (multiply(root, root) == base) return abs({root});
  }
  return std::nullopt;
}

/// e^(i pi t), for t half turns.
Form Algebra::unit_root(const Rational& half_turns) {
  // cos t pi + i sin t pi by the angle in twelfths of a half turn.
  const Rational twelfths = exponent_product(half_turns, {12, 1});
  if (twelfths.denominator != 1) {
    Form angle =
        multiply(pi(), number(mpq_class(mpz_class(static_cast<long>(half_turns.numerator)),
                                        mpz_class(static_cast<long>(half_turns.denominator)))));
    const Form cosine = opaque("cos", {angle}, true), sine = opaque("sin", {angle}, true);
    return add(cosine, multiply(imaginary_unit(), sine));
  }
  const auto cosine = [&](int64_t n) -> Form {
    n = ((n % 24) + 24) % 24;
    if (n > 12) n = 24 - n;
    const bool negative = n > 6;
    if (negative) n = 12 - n;
    const Form root2 = prime_power(2, {1, 2}), root3 = prime_power(3, {1, 2});
    Form value;
    if (n == 0) value = number(1);
    if (n == 1) value = multiply(multiply(root2, add(root3, number(1))), number({1, 4}));
    if (n == 2) value = multiply(root3, number({1, 2}));
    if (n == 3) value = multiply(root2, number({1, 2}));
    if (n == 4) value = number({1, 2});
    if (n == 5) value = multiply(multiply(root2, subtract(root3, number(1))), number({1, 4}));
    return negative ? multiply(value, number(-1)) : value;
  };
  const int64_t turns = twelfths.numerator % 24;
  return add(cosine(turns), multiply(imaginary_unit(), cosine(turns - 6)));
}

}  // namespace thespis::tasks::math
