// Sums, products, quotients; the relations of atoms to themselves.

#include "tasks/math/algebra.hpp"

#include <algorithm>

namespace thespis::tasks::math {
namespace {

/// The whole number below or at it.
int64_t floor_of(const Rational& a) {
  const int64_t quotient = a.numerator / a.denominator;
  return a.numerator % a.denominator < 0 ? quotient - 1 : quotient;
}

constexpr size_t kNameBytesMax = 4096;

mpz_class bounded_power(const mpz_class& base, uint64_t exponent) {
  const size_t bits = mpz_sizeinbase(base.get_mpz_t(), 2);
  if (exponent > kBitsMax || bits * exponent > 2 * kBitsMax)
    throw LimitReached("a power of more bits than are computed with");
  mpz_class result;
  mpz_pow_ui(result.get_mpz_t(), base.get_mpz_t(), exponent);
  return result;
}

mpq_class rational_power(const mpz_class& base, int64_t exponent) {
  const uint64_t size =
      exponent < 0 ? 0 - static_cast<uint64_t>(exponent) : static_cast<uint64_t>(exponent);
  const mpz_class value = bounded_power(base, size);
  return exponent < 0 ? mpq_class(1, value) : mpq_class(value);
}

}  // namespace

AtomId Algebra::intern(Atom atom) {
  if (atom.name.size() > kNameBytesMax) throw LimitReached("an expression too large for a name");
  const auto found = ids_.find(atom.name);
  if (found != ids_.end()) return found->second;
  if (atoms_.size() == kAtomsMax) throw LimitReached("more symbols and functions than are known");
  const auto id = static_cast<AtomId>(atoms_.size());
  ids_.emplace(atom.name, id);
  atoms_.push_back(std::move(atom));
  return id;
}

Form Algebra::single(AtomId atom, const Rational& exponent) const {
  Form result;
  result.numerator.add({{atom, exponent}}, 1);
  return result;
}

Form Algebra::term(const Monomial& monomial, const mpq_class& coefficient) {
  return {reduced(monomial, coefficient)};
}

Form Algebra::symbol(const std::string& name) {
  Atom atom;
  atom.name = name;
  return single(intern(std::move(atom)));
}

Form Algebra::pi() {
  Atom atom;
  atom.kind = AtomKind::kPi;
  atom.name = "\\pi";
  return single(intern(std::move(atom)));
}

Form Algebra::imaginary_unit() {
  Atom atom;
  atom.kind = AtomKind::kUnit;
  atom.name = "\\i";
  return single(intern(std::move(atom)));
}

Form Algebra::opaque(const std::string& name, std::vector<Form> args, bool depends) {
  Atom atom;
  atom.kind = AtomKind::kFunction;
  atom.name = "\\" + name + "(";
  for (const Form& arg : args) atom.name += text(arg) + ";";
  atom.name += ")";
  atom.args = std::move(args);
  atom.depends = depends;
  return single(intern(std::move(atom)));
}

/// The term with every relation of its atoms applied. A root's whole powers become polynomials.
Polynomial Algebra::reduced(Monomial monomial, mpq_class coefficient) {
  std::vector<std::pair<AtomId, int64_t>> roots;
  for (auto& [id, exponent] : monomial) {
    const Atom& atom = atoms_[id];
    const int64_t whole = floor_of(exponent);
    if (atom.kind == AtomKind::kPrime && whole != 0) {
      coefficient *= rational_power(atom.prime, whole);
      check_bits(coefficient);
      exponent = exponent_sum(exponent, {-whole, 1});
    } else if (atom.kind == AtomKind::kUnit) {
      const int64_t quarter_turns = ((whole % 4) + 4) % 4;
      if (quarter_turns >= 2) coefficient = -coefficient;
      exponent = {quarter_turns % 2, 1};
    } else if (atom.kind == AtomKind::kRoot && whole > 0) {
      roots.emplace_back(id, whole);
      exponent = exponent_sum(exponent, {-whole, 1});
    }
  }
  std::erase_if(monomial, [](const auto& factor) { return factor.second.is_zero(); });
  Polynomial result;
  result.add(monomial, coefficient);
  for (const auto& [id, whole] : roots) {
    if (whole > 64) throw LimitReached("a power of a sum with more terms than are computed with");
    const Polynomial base = atoms_[id].base;
    for (int64_t n = 0; n < whole; ++n) result = multiply(result, base);
  }
  return result;
}

Polynomial Algebra::multiply(const Polynomial& a, const Polynomial& b) {
  effort_.spend(a.terms.size() * b.terms.size());
  Polynomial result;
  for (const auto& [left, x] : a.terms)
    for (const auto& [right, y] : b.terms) {
      // Long numbers cost more than short ones.
      effort_.spend((mpz_size(x.get_num_mpz_t()) * mpz_size(y.get_num_mpz_t()) +
                     mpz_size(x.get_den_mpz_t()) * mpz_size(y.get_den_mpz_t())) /
                    1024);
      const mpq_class coefficient = x * y;
      for (const auto& [monomial, factor] : reduced(product(left, right), coefficient).terms)
        result.add(monomial, factor);
    }
  return result;
}

/// a / b where it comes out as a polynomial; none where a few steps do not show it.
std::optional<Polynomial> Algebra::divided(const Polynomial& a, const Polynomial& b) {
  Polynomial rest = a, quotient;
  const auto& [divisor, divisor_factor] = *b.terms.rbegin();
  const Monomial inverse = math::power(divisor, {-1, 1});
  for (size_t steps = 2 * a.terms.size() + 16; !rest.is_zero(); --steps) {
    if (steps == 0 || rest.terms.size() > a.terms.size() + 4 * b.terms.size()) return std::nullopt;
    const auto& [leading, factor] = *rest.terms.rbegin();
    const Monomial next = math::product(leading, inverse);
    for (const auto& [id, exponent] : next)
      if (exponent.numerator < 0) return std::nullopt;
    Polynomial part;
    part.add(next, factor / divisor_factor);
    quotient = sum(std::move(quotient), part, effort_);
    rest = sum(std::move(rest), scaled(multiply(part, b), -1), effort_);
  }
  return quotient;
}

Form Algebra::simplified(Form a) {
  if (a.numerator.is_zero()) return {};
  if (a.denominator.terms.size() == 2) {
    // a + b times a - b is often one term: sqrt3 + 1, 2 - i.
    Polynomial conjugate = a.denominator;
    auto& last = conjugate.terms.rbegin()->second;
    last = -last;
    const Polynomial norm = multiply(a.denominator, conjugate);
    bool numbers = norm.terms.size() == 1;
    for (const auto& [monomial, factor] : a.denominator.terms)
      for (const auto& [id, exponent] : monomial)
        numbers &= atoms_[id].kind == AtomKind::kPrime || atoms_[id].kind == AtomKind::kUnit;
    if (numbers) {
      a.numerator = multiply(a.numerator, conjugate);
      a.denominator = norm;
    }
  }
  if (a.denominator.terms.size() == 1) {
    const auto& [monomial, factor] = *a.denominator.terms.begin();
    bool has_root = false;
    for (const auto& [id, exponent] : monomial) has_root |= atoms_[id].kind == AtomKind::kRoot;
    if (!has_root) {
      const Polynomial inverse = reduced(math::power(monomial, {-1, 1}), 1 / factor);
      return {multiply(a.numerator, inverse)};
    }
  }
  if (a.denominator.is_one()) return a;
  if (auto quotient = divided(a.numerator, a.denominator)) return {*std::move(quotient)};
  // One scale for equal quotients: the denominator's leading coefficient is one.
  const mpq_class scale = 1 / a.denominator.terms.rbegin()->second;
  a.numerator = scaled(std::move(a.numerator), scale);
  a.denominator = scaled(std::move(a.denominator), scale);
  return a;
}

Form Algebra::add(const Form& a, const Form& b) {
  if (a.denominator == b.denominator) {
    Form result{sum(a.numerator, b.numerator, effort_), a.denominator};
    return result.denominator.is_one() ? result : simplified(std::move(result));
  }
  return simplified(
      {sum(multiply(a.numerator, b.denominator), multiply(b.numerator, a.denominator), effort_),
       multiply(a.denominator, b.denominator)});
}

Form Algebra::subtract(const Form& a, const Form& b) {
  return add(a, {scaled(b.numerator, -1), b.denominator});
}

Form Algebra::multiply(const Form& a, const Form& b) {
  Form result{multiply(a.numerator, b.numerator), multiply(a.denominator, b.denominator)};
  return result.denominator.is_one() ? result : simplified(std::move(result));
}

Form Algebra::invert(const Form& a) {
  if (a.numerator.is_zero()) throw NoValue("a division by zero");
  return simplified({a.denominator, a.numerator});
}

Form Algebra::integer_power(const Form& base, int64_t exponent) {
  if (exponent < 0) {
    if (exponent == INT64_MIN) throw LimitReached("an exponent beyond 64 bits");
    return invert(integer_power(base, -exponent));
  }
  if (exponent == 0) {
    if (is_zero(base)) throw NoValue("zero to the power of zero");
    return number(1);
  }
  if (base.numerator.terms.size() <= 1 && base.denominator.is_one()) {
    if (is_zero(base)) return {};
    const auto& [monomial, factor] = *base.numerator.terms.begin();
    const auto size = static_cast<uint64_t>(exponent);
    mpq_class value(1);
    if (factor == -1)
      value = exponent % 2 == 0 ? 1 : -1;
    else if (factor != 1)
      value =
          mpq_class(bounded_power(factor.get_num(), size), bounded_power(factor.get_den(), size));
    check_bits(value);
    return term(math::power(monomial, {exponent, 1}), value);
  }
  if (exponent > 4096)
    throw LimitReached("a power of a sum with more terms than are computed with");
  Form result = number(1), square = base;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result = multiply(result, square);
    if (exponent > 1) square = multiply(square, square);
  }
  return result;
}

bool Algebra::depends(const Form& a) const {
  for (const Polynomial* polynomial : {&a.numerator, &a.denominator})
    for (const auto& [monomial, factor] : polynomial->terms)
      for (const auto& [id, exponent] : monomial)
        if (atoms_[id].depends || atoms_[id].kind == AtomKind::kRoot) return true;
  return false;
}

bool Algebra::has_symbols(const Form& a) const {
  for (const Polynomial* polynomial : {&a.numerator, &a.denominator})
    for (const auto& [monomial, factor] : polynomial->terms)
      for (const auto& [id, exponent] : monomial) {
        effort_.spend(1);
        const Atom& atom = atoms_[id];
        if (atom.kind == AtomKind::kSymbol) return true;
        if (atom.kind == AtomKind::kFunction && !atom.depends) return true;
        Form inner;
        inner.numerator = atom.base;
        if (!atom.of.empty()) inner.numerator.add(atom.of, 1);
        if (has_symbols(inner)) return true;
        for (const Form& arg : atom.args)
          if (has_symbols(arg)) return true;
      }
  return false;
}

std::optional<mpq_class> Algebra::rational(const Form& a) const {
  if (!a.numerator.is_constant() || !a.denominator.is_constant()) return std::nullopt;
  return a.numerator.value() / a.denominator.value();
}

std::string Algebra::text(const Monomial& a) const {
  std::vector<std::string> factors;
  for (const auto& [id, exponent] : a)
    factors.push_back(atoms_[id].name +
                      (exponent == Rational{1, 1} ? "" : "^" + to_string(exponent)));
  std::sort(factors.begin(), factors.end());
  std::string result;
  for (const std::string& factor : factors) result += (result.empty() ? "" : "*") + factor;
  return result;
}

std::string Algebra::text(const Polynomial& a) const {
  std::vector<std::string> terms;
  for (const auto& [monomial, factor] : a.terms) {
    const std::string atoms = text(monomial);
    const std::string value = factor.get_str();
    terms.push_back(atoms.empty() ? value : factor == 1 ? atoms : value + "*" + atoms);
  }
  std::sort(terms.begin(), terms.end());
  std::string result;
  for (const std::string& term : terms) {
    result += (result.empty() ? "" : " + ") + term;
    if (result.size() > kNameBytesMax) throw LimitReached("an expression too large for a name");
  }
  return result.empty() ? "0" : result;
}

std::string Algebra::text(const Form& a) const {
  const std::string top = text(a.numerator);
  return a.denominator.is_one() ? top : "(" + top + ")/(" + text(a.denominator) + ")";
}

}  // namespace thespis::tasks::math
