// Values in floating point: a second opinion. It can show that two values differ; that they are
// equal it never proves.

#include <cmath>

#include "tasks/math/algebra.hpp"

namespace thespis::tasks::math {
namespace {

/// A fixed value for a symbol: positive, of no special kind, another for each sample.
long double sample_value(const std::string& name, uint32_t sample) {
  uint64_t hash = 1469598103934665603ULL + sample;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  hash ^= hash >> 29;
  return 0.25L + static_cast<long double>(hash % 1'000'003) / 500'009.0L;
}

long double to_long_double(const mpq_class& value) {
  long exponent_top = 0, exponent_bottom = 0;
  // 53 bits each, and the rest of the numerator: enough for 1e-15.
  const double top = mpz_get_d_2exp(&exponent_top, value.get_num_mpz_t());
  const double bottom = mpz_get_d_2exp(&exponent_bottom, value.get_den_mpz_t());
  return std::ldexp(static_cast<long double>(top) / bottom,
                    static_cast<int>(exponent_top - exponent_bottom));
}

bool is_finite(const Number& value) {
  return std::isfinite(value.real()) && std::isfinite(value.imag());
}

}  // namespace

bool nearly_equal(const Number& a, const Number& b) {
  const long double scale = std::max({std::abs(a), std::abs(b), 1e-6L});
  return std::abs(a - b) <= 1e-10L * scale;
}

std::optional<Number> Algebra::numeric(const Atom& atom, uint32_t sample) const {
  switch (atom.kind) {
    case AtomKind::kSymbol:
      return sample_value(atom.name, sample);
    case AtomKind::kPrime:
      return to_long_double(atom.prime);
    case AtomKind::kPi:
      return std::acos(-1.0L);
    case AtomKind::kUnit:
      return Number(0, 1);
    case AtomKind::kExp: {
      const auto inner = numeric(atom.of, sample);
      return inner ? std::optional(std::exp(*inner)) : std::nullopt;
    }
    case AtomKind::kLog: {
      if (atom.prime != 0) return std::log(to_long_double(atom.prime));
      const auto inner = atom.of.empty() ? numeric(atom.args[0], sample) : numeric(atom.of, sample);
      return inner ? std::optional(std::log(*inner)) : std::nullopt;
    }
    case AtomKind::kRoot:
      return numeric(atom.base, sample);
    case AtomKind::kFunction: {
      if (!atom.depends) return sample_value(atom.name, sample);
      if (atom.args.size() != 1) return std::nullopt;
      const auto inner = numeric(atom.args[0], sample);
      if (!inner) return std::nullopt;
      const std::string name = atom.name.substr(1, atom.name.find('(') - 1);
      if (name == "abs") return Number(std::abs(*inner));
      if (name == "sin") return std::sin(*inner);
      if (name == "cos") return std::cos(*inner);
      if (name == "exp") return std::exp(*inner);
      if (name == "arcsin") return std::asin(*inner);
      if (name == "arccos") return std::acos(*inner);
      if (name == "arctan") return std::atan(*inner);
      if (inner->imag() != 0) return std::nullopt;
      if (name == "floor") return std::floor(inner->real());
      if (name == "ceil") return std::ceil(inner->real());
      if (name == "factorial") return std::tgamma(inner->real() + 1);
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Number> Algebra::numeric(const Monomial& a, uint32_t sample) const {
  effort_.spend(1);
  Number result = 1;
  for (const auto& [id, exponent] : a) {
    const auto base = numeric(atoms_[id], sample);
    if (!base) return std::nullopt;
    const long double power = static_cast<long double>(exponent.numerator) /
                              static_cast<long double>(exponent.denominator);
    result *= exponent == Rational{1, 1} ? *base : std::pow(*base, Number(power));
  }
  return is_finite(result) ? std::optional(result) : std::nullopt;
}

std::optional<Number> Algebra::numeric(const Polynomial& a, uint32_t sample) const {
  Number result = 0;
  long double largest = 0;
  for (const auto& [monomial, factor] : a.terms) {
    const auto value = numeric(monomial, sample);
    if (!value) return std::nullopt;
    const Number term = *value * to_long_double(factor);
    if (!is_finite(term)) return std::nullopt;
    largest = std::max(largest, std::abs(term));
    result += term;
  }
  // What cancels to nothing of its parts has no digits left to trust.
  if (std::abs(result) < 1e-14L * largest) result = 0;
  return result;
}

std::optional<Number> Algebra::numeric(const Form& a, uint32_t sample) const {
  const auto top = numeric(a.numerator, sample), bottom = numeric(a.denominator, sample);
  if (!top || !bottom || std::abs(*bottom) == 0) return std::nullopt;
  const Number result = *top / *bottom;
  return is_finite(result) ? std::optional(result) : std::nullopt;
}

std::optional<long double> Algebra::real_value(const Form& a) const {
  if (has_symbols(a)) return std::nullopt;
  if (const auto exact = rational(a)) return to_long_double(*exact);
  const auto value = numeric(a, 0);
  if (!value || std::abs(value->imag()) > 1e-14L * std::max(1.0L, std::abs(value->real())))
    return std::nullopt;
  return value->real();
}

}  // namespace thespis::tasks::math
