// See real_set.hpp.

#include "tasks/math/real_set.hpp"

#include <algorithm>

#include "tasks/math/evaluate.hpp"
#include "tasks/math/parser.hpp"

namespace thespis::tasks::math {
namespace {

/// One end of an interval: a place, just before or just after the number that stands there.
struct End {
  std::optional<Form> at;  ///< None: infinitely far.
  bool is_high = false;
  bool open = true;
};

/// -1, 0, 1 by where they lie on the line.
int compare(const End& a, const End& b, Algebra& algebra) {
  const int far_a = a.at ? 0 : (a.is_high ? 1 : -1), far_b = b.at ? 0 : (b.is_high ? 1 : -1);
  if (far_a != 0 || far_b != 0) return far_a < far_b ? -1 : far_a > far_b ? 1 : 0;
  if (const int order = compare_reals(*a.at, *b.at, algebra)) return order;
  // Before the number (0): a closed low end, an open high end. Behind it (1): the other two.
  const int x = a.is_high ? (a.open ? 0 : 1) : (a.open ? 1 : 0);
  const int y = b.is_high ? (b.open ? 0 : 1) : (b.open ? 1 : 0);
  return x < y ? -1 : x > y ? 1 : 0;
}

End low(const Interval& interval) {
  return {interval.low, false, interval.low_open};
}
End high(const Interval& interval) {
  return {interval.high, true, interval.high_open};
}

RealSet normalised(RealSet set, Algebra& algebra) {
  std::erase_if(set, [&](const Interval& i) { return compare(low(i), high(i), algebra) >= 0; });
  // Insertion: sets are short, and a comparison may throw, which std::sort need not survive.
  for (size_t i = 1; i < set.size(); ++i)
    for (size_t j = i; j > 0 && compare(low(set[j]), low(set[j - 1]), algebra) < 0; --j)
      std::swap(set[j], set[j - 1]);
  RealSet result;
  for (Interval& interval : set) {
    if (result.empty() || compare(high(result.back()), low(interval), algebra) < 0)
      result.push_back(std::move(interval));
    else if (compare(high(result.back()), high(interval), algebra) < 0)
      result.back().high = interval.high, result.back().high_open = interval.high_open;
  }
  return result;
}

RealSet intersection(const RealSet& a, const RealSet& b, Algebra& algebra) {
  RealSet result;
  for (const Interval& x : a)
    for (const Interval& y : b) {
      const Interval& from = compare(low(x), low(y), algebra) < 0 ? y : x;
      const Interval& to = compare(high(x), high(y), algebra) < 0 ? x : y;
      result.push_back({from.low, to.high, from.low_open, to.high_open});
    }
  return normalised(std::move(result), algebra);
}

RealSet complement(const RealSet& a) {
  RealSet result;
  Interval gap;
  for (const Interval& interval : a) {
    gap.high = interval.low, gap.high_open = !interval.low_open;
    if (interval.low) result.push_back(gap);
    gap = {interval.high, std::nullopt, !interval.high_open, true};
    if (!interval.high) return result;
  }
  result.push_back(gap);
  return result;
}

/// All values of the one unknown with: difference  sign  0. It must be the `unknown` of before.
std::optional<RealSet> of_inequality(char sign, const Form& difference,
                                     std::optional<Monomial>& unknown, Algebra& algebra) {
  if (!difference.denominator.is_one()) return std::nullopt;
  Form rest = difference;
  mpq_class scale = 0;
  for (const auto& [monomial, factor] : difference.numerator.terms) {
    Form part;
    part.numerator.add(monomial, factor);
    if (!algebra.has_symbols(part)) continue;
    if (scale != 0 || (unknown && *unknown != monomial)) return std::nullopt;
    unknown = monomial;
    scale = factor;
    rest.numerator.terms.erase(monomial);
  }
  if (scale == 0) return std::nullopt;
  const Form bound = algebra.multiply(rest, algebra.number(-1 / scale));
  if (scale < 0) {
    const std::string_view from = "<>lg", to = "><gl";
    if (const size_t at = from.find(sign); at != from.npos) sign = to[at];
  }
  switch (sign) {
    case kLess:
      return RealSet{{std::nullopt, bound, true, true}};
    case kAtMost:
      return RealSet{{std::nullopt, bound, true, false}};
    case kGreater:
      return RealSet{{bound, std::nullopt, true, true}};
    case kAtLeast:
      return RealSet{{bound, std::nullopt, false, true}};
    case kEqual:
      return RealSet{{bound, bound, false, false}};
    case kUnequal:
      return complement({{bound, bound, false, false}});
    default:
      return std::nullopt;
  }
}

/// From the values of |x| to those of x.
RealSet of_absolute(const RealSet& values, Algebra& algebra) {
  const RealSet positive =
      intersection(values, {{algebra.number(0), std::nullopt, false, true}}, algebra);
  RealSet result = positive;
  const auto negated = [&](const std::optional<Form>& form) {
    return form ? std::optional(algebra.multiply(*form, algebra.number(-1))) : std::nullopt;
  };
  for (const Interval& i : positive)
    result.push_back({negated(i.high), negated(i.low), i.high_open, i.low_open});
  return normalised(std::move(result), algebra);
}

std::optional<RealSet> of_relation(const Node& node, Algebra& algebra) {
  if (node.name.find(kElementOf) != std::string::npos) {
    if (node.args.size() != 2) return std::nullopt;
    return real_set(node.args[1], algebra);
  }
  std::optional<Monomial> unknown;
  RealSet result{Interval{}};
  for (size_t i = 0; i < node.name.size(); ++i) {
    const bool infinite = infinite_sign(node.args[i]) != 0 || infinite_sign(node.args[i + 1]) != 0;
    if (infinite) continue;
    const Form difference =
        algebra.subtract(evaluate(node.args[i], algebra), evaluate(node.args[i + 1], algebra));
    const auto part = of_inequality(node.name[i], difference, unknown, algebra);
    if (!part) return std::nullopt;
    result = intersection(result, *part, algebra);
  }
  if (!unknown) return std::nullopt;
  // The unknown is |x| where the atom says so.
  Form form;
  form.numerator.add(*unknown, 1);
  return algebra.text(form).starts_with("\\abs(") ? of_absolute(result, algebra) : result;
}

}  // namespace

int compare_reals(const Form& a, const Form& b, Algebra& algebra) {
  const Form difference = algebra.subtract(a, b);
  if (algebra.is_zero(difference)) return 0;
  if (const auto exact = algebra.rational(difference)) return *exact < 0 ? -1 : 1;
  const auto x = algebra.real_value(a), y = algebra.real_value(b);
  if (!x || !y) throw NoValue("an interval with ends that are not real");
  if (nearly_equal(*x, *y)) throw LimitReached("numbers too close to tell apart");
  return *x < *y ? -1 : 1;
}

std::optional<RealSet> real_set(const Node& node, Algebra& algebra) {
  if (node.kind == Kind::kNamedSet && node.name == "R") return RealSet{Interval{}};
  if (node.kind == Kind::kNamedSet && node.name == "empty") return RealSet{};
  if (node.kind == Kind::kRelation) return of_relation(node, algebra);
  if (node.kind == Kind::kTuple && node.args.size() == 2) {
    Interval result;
    result.low_open = node.name[0] == '(';
    result.high_open = node.name[1] == ')';
    if (infinite_sign(node.args[0]) == 0) result.low = evaluate(node.args[0], algebra);
    if (infinite_sign(node.args[1]) == 0) result.high = evaluate(node.args[1], algebra);
    return normalised({result}, algebra);
  }
  if (node.kind == Kind::kList) {
    RealSet result;
    for (const Node& arg : node.args) {
      auto part = real_set(arg, algebra);
      if (!part) return std::nullopt;
      result.insert(result.end(), part->begin(), part->end());
    }
    return normalised(std::move(result), algebra);
  }
  if (node.kind == Kind::kSetSum) {
    auto left = real_set(node.args[0], algebra);
    const auto right = real_set(node.args[1], algebra);
    if (!left || !right) return std::nullopt;
    if (node.name == "n") return intersection(*left, *right, algebra);
    if (node.name == "\\") return intersection(*left, complement(*right), algebra);
    left->insert(left->end(), right->begin(), right->end());
    return normalised(*std::move(left), algebra);
  }
  if (node.kind == Kind::kTuple || node.kind == Kind::kNamedSet || node.kind == Kind::kMatrix ||
      infinite_sign(node) != 0)
    return std::nullopt;
  const Form value = evaluate(node, algebra);
  return RealSet{{value, value, false, false}};
}

bool equal(const RealSet& a, const RealSet& b, Algebra& algebra) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (compare(low(a[i]), low(b[i]), algebra) != 0 ||
        compare(high(a[i]), high(b[i]), algebra) != 0)
      return false;
  return true;
}

}  // namespace thespis::tasks::math
