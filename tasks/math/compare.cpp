// See compare.hpp.

#include "tasks/math/compare.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "tasks/math/evaluate.hpp"
#include "tasks/math/parser.hpp"
#include "tasks/math/real_set.hpp"
#include "tasks/math/shapes.hpp"

namespace thespis::tasks::math {
namespace {

bool is_collection(const Node& node) {
  return node.kind == Kind::kTuple || node.kind == Kind::kList || node.kind == Kind::kSetSum ||
         node.kind == Kind::kNamedSet;
}

bool is_interval(const Node& node) {
  return node.kind == Kind::kTuple && node.args.size() == 2;
}

class Comparison {
 public:
  Comparison(const CompareOptions& options, Algebra& algebra)
      : options_(options), algebra_(algebra) {}

  bool equal(const Node& gold, const Node& prediction) {
    algebra_.effort().spend(8);
    const bool gold_assigns = is_assignment(gold), gold_equates = is_equation(gold);
    const bool prediction_equates = is_equation(prediction);
    if (prediction_equates && !gold_equates) return equal(gold, prediction.args.back());
    if (gold_assigns && !prediction_equates) return equal(gold.args.back(), prediction);
    if (gold.kind == Kind::kRelation && prediction.kind == Kind::kRelation) {
      if (gold_assigns && is_assignment(prediction) &&
          equal_names(gold.args[0], prediction.args[0]))
        return equal(gold.args.back(), prediction.args.back());
      return equal_relations(gold, prediction);
    }
    if (gold.kind == Kind::kRelation || prediction.kind == Kind::kRelation) {
      const bool allowed = gold.kind == Kind::kRelation || options_.relations_as_sets;
      return allowed && equal_sets(gold, prediction);
    }
    if (is_collection(gold) || is_collection(prediction))
      return equal_collections(gold, prediction);
    if (is_matrix(gold) || is_matrix(prediction)) return equal_matrices(gold, prediction);
    return equal_scalars(gold, prediction);
  }

 private:
  const Form& value(const Node& node) {
    auto at = values_.find(&node);
    if (at == values_.end()) at = values_.emplace(&node, evaluate(node, algebra_)).first;
    return at->second;
  }

  /// The prediction's value; none where it has none, which is its own failing.
  const Form* predicted(const Node& node) {
    try {
      return &value(node);
    } catch (const NoValue&) {
      return nullptr;
    }
  }

  bool equal_names(const Node& gold, const Node& prediction) {
    const std::string a = letters_of(gold), b = letters_of(prediction);
    if (!a.empty() || !b.empty()) return a == b;
    return equal(gold, prediction);
  }

  bool equal_scalars(const Node& gold, const Node& prediction) {
    const int infinite = infinite_sign(gold);
    if (infinite != 0 || infinite_sign(prediction) != 0)
      return infinite == infinite_sign(prediction);
    // 204_5 and 204: the base may be left out, not be another.
    const bool based = gold.kind == Kind::kCall && gold.name.starts_with("base:");
    const bool based_too = prediction.kind == Kind::kCall && prediction.name.starts_with("base:");
    if (based && based_too && gold.name != prediction.name) return false;
    const std::string a = letters_of(gold), b = letters_of(prediction);
    if (!a.empty() && a == b) return true;
    if (gold.kind == Kind::kText || prediction.kind == Kind::kText) return false;
    const Form& x = value(gold);
    const Form* y = predicted(prediction);
    if (y == nullptr) return false;
    if (equal_values(gold, x, prediction, *y)) return true;
    // 28% is written as 28, or meant as 0.28.
    if (gold.kind == Kind::kPercent && prediction.kind != Kind::kPercent)
      return equal_scalars(gold.args[0], prediction);
    if (prediction.kind == Kind::kPercent && gold.kind != Kind::kPercent)
      return equal_scalars(gold, prediction.args[0]);
    return false;
  }

  bool equal_values(const Node& gold, const Form& x, const Node& prediction, const Form& y) {
    const Form difference = algebra_.subtract(x, y);
    if (algebra_.is_zero(difference)) return true;
    if (is_decimal(gold) || is_decimal(prediction)) return equal_rounded(x, y);
    return !different(x, y, difference);
  }

  /// Both rounded to as many decimals. Exactly where they are rational.
  bool equal_rounded(const Form& x, const Form& y) {
    const auto a = rounded(x), b = rounded(y);
    return a && b && *a == *b;
  }

  std::optional<mpz_class> rounded(const Form& x) {
    mpz_class scale;
    mpz_ui_pow_ui(scale.get_mpz_t(), 10, options_.decimals);
    if (const auto exact = algebra_.rational(x)) {
      const mpq_class shifted = *exact * scale * 2;
      mpz_class floor;  // of twice the value: odd where it lies beyond a half.
      mpz_fdiv_q(floor.get_mpz_t(), shifted.get_num_mpz_t(), shifted.get_den_mpz_t());
      mpz_class result;
      mpz_fdiv_q_2exp(result.get_mpz_t(), floor.get_mpz_t(), 1);
      const bool odd = mpz_odd_p(floor.get_mpz_t()) != 0;
      const bool half = odd && shifted.get_den() == 1;
      if (odd && (!half || mpz_odd_p(result.get_mpz_t()) != 0)) result += 1;  // Halves to even.
      return result;
    }
    const auto approximate = algebra_.real_value(x);
    if (!approximate) return std::nullopt;
    const long double shifted = *approximate * scale.get_d();
    if (std::abs(shifted) > 1e17L) throw LimitReached("a decimal longer than it can be computed");
    return mpz_class(static_cast<double>(std::nearbyint(shifted)));
  }

  /// True is a proof that they differ, or as good as one: see AL-1. Throws LimitReached where
  /// neither is to be had.
  bool different(const Form& x, const Form& y, const Form& difference) {
    if (!algebra_.depends(difference)) return true;
    bool seen = false;
    for (uint32_t sample = 0; sample < 3; ++sample) {
      const auto a = algebra_.numeric(x, sample), b = algebra_.numeric(y, sample);
      if (!a || !b) continue;
      if (!nearly_equal(*a, *b)) return true;
      seen = true;
    }
    throw LimitReached(seen ? "equal in many digits, but no proof of it was found"
                            : "neither equal nor different as far as can be computed");
  }

  bool equal_collections(const Node& gold, const Node& prediction) {
    const bool lists = gold.kind == Kind::kList || prediction.kind == Kind::kList;
    const bool plain = gold.kind != Kind::kSetSum && gold.kind != Kind::kNamedSet &&
                       prediction.kind != Kind::kSetSum && prediction.kind != Kind::kNamedSet;
    if (!plain) return equal_sets(gold, prediction);
    if (gold.kind == Kind::kTuple && prediction.kind == Kind::kTuple) {
      const bool same_kind = gold.args.size() != 2 || gold.name == prediction.name;
      return same_kind && equal_in_order(gold, prediction);
    }
    if (gold.kind == Kind::kTuple) {
      // (1, 3) may be written 1, 3; the order counts. [1, 3] may not.
      if (is_interval(gold) && gold.name != "()") return false;
      return lists && equal_in_order(gold, prediction);
    }
    if (is_interval(prediction) && prediction.name != "()") {
      return gold.kind == Kind::kList && gold.args.size() == 1 && equal(gold.args[0], prediction);
    }
    return equal_in_any_order(gold, prediction);
  }

  bool equal_in_order(const Node& gold, const Node& prediction) {
    if (gold.args.size() != prediction.args.size()) return false;
    for (size_t i = 0; i < gold.args.size(); ++i)
      if (!equal(gold.args[i], prediction.args[i])) return false;
    return true;
  }

  /// As sets: each element of one is among the other's.
  bool equal_in_any_order(const Node& gold, const Node& prediction) {
    const auto elements = [](const Node& node) {
      std::vector<const Node*> result;
      if (node.kind != Kind::kList && node.kind != Kind::kTuple) return std::vector{&node};
      for (const Node& arg : node.args) result.push_back(&arg);
      return result;
    };
    const auto golds = elements(gold), predictions = elements(prediction);
    std::vector<bool> matched(predictions.size());
    for (const Node* wanted : golds) {
      bool found = false;
      for (size_t i = 0; i < predictions.size(); ++i) {
        if (found && matched[i]) continue;
        if (!equal(*wanted, *predictions[i])) continue;
        found = matched[i] = true;
      }
      if (!found) return false;
    }
    return std::find(matched.begin(), matched.end(), false) == matched.end();
  }

  bool equal_sets(const Node& gold, const Node& prediction) {
    if (gold.kind == Kind::kNamedSet && prediction.kind == Kind::kNamedSet)
      return gold.name == prediction.name;
    const auto a = real_set(gold, algebra_);
    if (!a) return equal_parts(gold, prediction);
    try {
      const auto b = real_set(prediction, algebra_);
      return b && math::equal(*a, *b, algebra_);
    } catch (const NoValue&) {
      return false;
    }
  }

  /// Sets that are no intervals: written the same way.
  bool equal_parts(const Node& gold, const Node& prediction) {
    if (gold.kind != prediction.kind || gold.name != prediction.name) return false;
    return gold.kind != Kind::kRelation && equal_in_order(gold, prediction);
  }

  bool equal_matrices(const Node& gold, const Node& prediction) {
    if (!is_matrix(prediction) || !is_matrix(gold)) return false;
    if (gold.kind == Kind::kMatrix && prediction.kind == Kind::kMatrix)
      return gold.name == prediction.name && equal_in_order(gold, prediction);
    const Matrix a = evaluate_matrix(gold, algebra_);
    Matrix b;
    try {
      b = evaluate_matrix(prediction, algebra_);
    } catch (const NoValue&) {
      return false;
    }
    if (a.columns != b.columns || a.entries.size() != b.entries.size()) return false;
    for (size_t i = 0; i < a.entries.size(); ++i) {
      const Form difference = algebra_.subtract(a.entries[i], b.entries[i]);
      if (!algebra_.is_zero(difference) && different(a.entries[i], b.entries[i], difference))
        return false;
    }
    return true;
  }

  struct Relation {
    char sign = kEqual;  ///< Of left - right and zero: only =, <, at most, unequal.
    Form difference;
  };

  std::vector<Relation> relations_of(const Node& node) {
    std::vector<Relation> result;
    for (size_t i = 0; i < node.name.size(); ++i) {
      Relation part;
      part.sign = node.name[i] == kAbout ? kEqual : node.name[i];
      const Form &left = value(node.args[i]), &right = value(node.args[i + 1]);
      const bool turned = part.sign == kGreater || part.sign == kAtLeast;
      if (turned) part.sign = part.sign == kGreater ? kLess : kAtMost;
      part.difference = turned ? algebra_.subtract(right, left) : algebra_.subtract(left, right);
      result.push_back(std::move(part));
    }
    return result;
  }

  bool equal_relations(const Node& gold, const Node& prediction) {
    if (gold.name.size() != prediction.name.size()) return false;
    const bool any_set = any_of(gold, is_collection) || any_of(prediction, is_collection);
    if (any_set) return gold.name == prediction.name && equal_in_order(gold, prediction);
    const auto wanted = relations_of(gold);
    std::vector<Relation> found;
    try {
      found = relations_of(prediction);
    } catch (const NoValue&) {
      return false;
    }
    for (const Relation& relation : wanted) {
      const auto same = std::find_if(found.begin(), found.end(), [&](const Relation& other) {
        return same_relation(relation, other);
      });
      if (same == found.end()) return false;
      found.erase(same);
    }
    return true;
  }

  /// One difference is the other times a number; a positive one for inequalities.
  bool same_relation(const Relation& a, const Relation& b) {
    if (a.sign != b.sign) return false;
    if (algebra_.is_zero(a.difference) || algebra_.is_zero(b.difference))
      return algebra_.is_zero(a.difference) == algebra_.is_zero(b.difference);
    const bool either_sign = a.sign == kEqual || a.sign == kUnequal;
    const auto same = [&](const Form& x, const Form& y) {
      const Form ratio = algebra_.multiply(x, algebra_.invert(y));
      if (!algebra_.has_symbols(ratio)) {
        const auto size = algebra_.real_value(ratio);
        return either_sign || (size && *size > 0);
      }
      // xy = 1 and y = 1/x: a power of symbols between them.
      return either_sign && ratio.denominator.is_one() && ratio.numerator.terms.size() == 1;
    };
    return same(a.difference, b.difference) || same(b.difference, a.difference);
  }

  const CompareOptions& options_;
  Algebra& algebra_;
  std::unordered_map<const Node*, Form> values_;
};

}  // namespace

bool equal(const Node& gold, const Node& prediction, const CompareOptions& options,
           Algebra& algebra) {
  return Comparison(options, algebra).equal(gold, prediction);
}

}  // namespace thespis::tasks::math
