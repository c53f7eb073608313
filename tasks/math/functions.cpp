// exp and log of sums, and with them everything circular and hyperbolic.

#include <array>

#include "tasks/math/algebra.hpp"

namespace thespis::tasks::math {
namespace {

Rational to_rational(const mpq_class& value) {
  if (!value.get_num().fits_slong_p() || !value.get_den().fits_slong_p())
    throw LimitReached("an exponent beyond 64 bits");
  return {value.get_num().get_si(), value.get_den().get_si()};
}

}  // namespace

/// e^(coefficient * monomial)
Form Algebra::exp_term(const Monomial& monomial, const mpq_class& coefficient) {
  const Rational exponent = to_rational(coefficient);
  if (monomial.size() == 1 && monomial[0].second == Rational{1, 1} &&
      atoms_[monomial[0].first].kind == AtomKind::kLog) {
    const Atom atom = atoms_[monomial[0].first];
    if (atom.prime != 0) return prime_power(atom.prime, exponent);
    if (!atom.of.empty()) return root_power({reduced(atom.of, 1)}, exponent);
    return root_power(atom.args[0], exponent);
  }
  bool has_unit = false, has_pi = false;
  for (const auto& [id, power] : monomial) {
    has_unit |= atoms_[id].kind == AtomKind::kUnit;
    has_pi |= atoms_[id].kind == AtomKind::kPi && power == Rational{1, 1};
  }
  if (has_unit && has_pi && monomial.size() == 2) return unit_root(exponent);
  Atom atom;
  atom.kind = AtomKind::kExp;
  atom.name = "\\exp(" + text(monomial) + ")";
  atom.of = monomial;
  for (const auto& [id, power] : monomial)
    atom.depends |= atoms_[id].depends || atoms_[id].kind == AtomKind::kRoot;
  return term({{intern(std::move(atom)), exponent}}, 1);
}

Form Algebra::exp(const Form& a) {
  if (!a.denominator.is_one()) return opaque("exp", {a}, true);
  Form result = number(1);
  for (const auto& [monomial, factor] : Polynomial(a.numerator).terms)
    result = multiply(result, exp_term(monomial, factor));
  return result;
}

Form Algebra::log_of_number(const mpz_class& a) {
  Form result;
  for (const auto& [prime, count] : factors_of(a)) {
    Atom atom;
    atom.kind = AtomKind::kLog;
    atom.name = "\\ln(" + prime.get_str() + ")";
    atom.prime = prime;
    atom.depends = prime > uint64_t{kTrialDivisorMax} * kTrialDivisorMax;
    result = add(result, multiply(number(count), single(intern(std::move(atom)))));
  }
  return result;
}

Form Algebra::log_of_polynomial(const Polynomial& a) {
  if (a.terms.size() > 1) {
    Atom atom;
    atom.kind = AtomKind::kLog;
    atom.name = "\\ln(" + text(a) + ")";
    atom.args = {Form{a}};
    atom.depends = true;
    return single(intern(std::move(atom)));
  }
  const Monomial monomial = a.terms.begin()->first;
  const mpq_class factor = a.terms.begin()->second;
  Form result = subtract(log_of_number(::abs(factor.get_num())), log_of_number(factor.get_den()));
  if (factor < 0) result = add(result, multiply(pi(), imaginary_unit()));
  for (const auto& [id, power] : monomial) {
    const Atom atom = atoms_[id];
    const Form exponent = number(mpq_class(static_cast<long>(power.numerator),
                                           static_cast<unsigned long>(power.denominator)));
    Form part;
    if (atom.kind == AtomKind::kPrime) {
      part = log_of_number(atom.prime);
    } else if (atom.kind == AtomKind::kExp) {
      part = term(atom.of, 1);
    } else if (atom.kind == AtomKind::kUnit) {
      part = multiply(multiply(pi(), imaginary_unit()), number({1, 2}));
    } else if (atom.kind == AtomKind::kRoot) {
      part = log_of_polynomial(atom.base);
    } else {
      Atom of_atom;
      of_atom.kind = AtomKind::kLog;
      of_atom.name = "\\ln(" + atom.name + ")";
      of_atom.of = {{id, {1, 1}}};
      of_atom.depends = atom.depends;
      part = single(intern(std::move(of_atom)));
    }
    result = add(result, multiply(part, exponent));
  }
  return result;
}

Form Algebra::log(const Form& a) {
  if (is_zero(a)) throw NoValue("a logarithm of zero");
  const Form top = log_of_polynomial(a.numerator);
  return a.denominator.is_one() ? top : subtract(top, log_of_polynomial(a.denominator));
}

Form Algebra::abs(const Form& a) {
  if (const auto value = rational(a)) return number(::abs(*value));
  if (!has_symbols(a)) {
    if (const auto value = real_value(a)) {
      if (*value > 1e-9L || *value < -1e-9L) return *value > 0 ? a : multiply(a, number(-1));
      return opaque("abs", {a}, true);
    }
    // |z|^2 = z times its conjugate, where i is the only thing that is not real.
    Form conjugate = a;
    bool only_units = a.denominator.is_one();
    for (auto& [monomial, factor] : conjugate.numerator.terms)
      for (const auto& [id, exponent] : monomial) {
        if (atoms_[id].kind == AtomKind::kUnit) factor = -factor;
        only_units &= atoms_[id].kind == AtomKind::kUnit || atoms_[id].kind == AtomKind::kPrime ||
                      atoms_[id].kind == AtomKind::kPi;
      }
    if (only_units) return root_power(multiply(a, conjugate), {1, 2});
    return opaque("abs", {a}, true);
  }
  if (!a.denominator.is_one()) return multiply(abs({a.numerator}), invert(abs({a.denominator})));
  // |-x + 1| and |x - 1| are the same atom: the leading coefficient is one.
  const mpq_class leading = a.numerator.terms.rbegin()->second;
  const Form unit{scaled(a.numerator, 1 / leading)};
  return multiply(number(::abs(leading)), opaque("abs", {unit}, true));
}

std::optional<Form> Algebra::known_angle(std::string_view name, const Form& value) {
  const bool is_sine = name == "arcsin" || name == "arccsc";
  const bool is_cosine = name == "arccos" || name == "arcsec";
  for (int twelfths = is_cosine ? 0 : -6; twelfths <= (is_cosine ? 12 : 6); ++twelfths) {
    const Form angle = multiply(pi(), number({twelfths, 12}));
    try {
      const Form at = trigonometric(is_sine ? "sin" : is_cosine ? "cos" : "tan", angle);
      if (is_zero(subtract(at, value))) return angle;
    } catch (const NoValue&) {
      continue;  // The tangent of a right angle.
    }
  }
  return std::nullopt;
}

Form Algebra::trigonometric(std::string_view name, const Form& a) {
  if (name.starts_with("arc")) {
    Form value = a;
    const bool inverse = name == "arccot" || name == "arcsec" || name == "arccsc";
    if (inverse && name != "arccot") value = invert(a);
    if (name == "arccot") {
      return subtract(multiply(pi(), number({1, 2})), trigonometric("arctan", a));
    }
    if (!has_symbols(value))
      if (const auto angle = known_angle(name, value)) return *angle;
    std::string plain(name == "arcsec" ? "arccos" : name == "arccsc" ? "arcsin" : name);
    return opaque(plain, {value}, true);
  }
  const bool hyperbolic = name.back() == 'h';
  const Form turn = hyperbolic ? number(1) : imaginary_unit();
  const Form forward = exp(multiply(turn, a)), backward = exp(multiply(turn, subtract({}, a)));
  const Form sum = add(forward, backward), difference = subtract(forward, backward);
  const std::string_view kind = hyperbolic ? name.substr(0, name.size() - 1) : name;
  const Form half = number({1, 2});
  if (kind == "cos") return multiply(sum, half);
  if (kind == "sin") return multiply(difference, invert(multiply(number(2), turn)));
  if (kind == "sec") return multiply(number(2), invert(sum));
  if (kind == "csc") return multiply(multiply(number(2), turn), invert(difference));
  if (kind == "cot") return multiply(multiply(turn, sum), invert(difference));
  return multiply(difference, invert(multiply(turn, sum)));
}

}  // namespace thespis::tasks::math
