// See evaluate.hpp.

#include "tasks/math/evaluate.hpp"

#include <algorithm>

#include "tasks/math/parser.hpp"

namespace thespis::tasks::math {
namespace {

Form product_of(const Node& node, Algebra& algebra) {
  Form result = algebra.number(1);
  for (const Node& arg : node.args) result = algebra.multiply(result, evaluate(arg, algebra));
  return result;
}

/// The argument of a circular function in radians.
Form angle_of(const Node& node, Algebra& algebra) {
  Form angle = evaluate(node, algebra);
  const bool degrees = any_of(node, [](const Node& n) { return n.kind == Kind::kDegree; });
  if (!degrees) return angle;
  return algebra.multiply(angle, algebra.multiply(algebra.pi(), algebra.number({1, 180})));
}

mpz_class floor_of(const mpq_class& value) {
  mpz_class result;
  mpz_fdiv_q(result.get_mpz_t(), value.get_num_mpz_t(), value.get_den_mpz_t());
  return result;
}

/// Functions of whole or rational numbers; anything else stays what it is.
Form arithmetic(const std::string& name, std::vector<Form> args, Algebra& algebra) {
  std::vector<mpq_class> values;
  for (const Form& arg : args) {
    const auto value = algebra.rational(arg);
    if (!value) return algebra.opaque(name, std::move(args), true);
    values.push_back(*value);
  }
  const bool whole = std::all_of(values.begin(), values.end(),
                                 [](const mpq_class& v) { return v.get_den() == 1; });
  if (name == "floor") return algebra.number(floor_of(values[0]));
  if (name == "ceil") return algebra.number(-floor_of(-values[0]));
  if (name == "max") return algebra.number(*std::max_element(values.begin(), values.end()));
  if (name == "min") return algebra.number(*std::min_element(values.begin(), values.end()));
  if (name == "mod" && values.size() == 2) {
    if (values[1] == 0) throw NoValue("a division by zero");
    return algebra.number(values[0] - values[1] * floor_of(values[0] / values[1]));
  }
  if (!whole) return algebra.opaque(name, std::move(args), true);
  if (name == "factorial") {
    if (values[0] < 0) throw NoValue("the factorial of a negative number");
    if (values[0] > kFactorialMax) throw LimitReached("a factorial of more bits than are computed");
    mpz_class result;
    mpz_fac_ui(result.get_mpz_t(), values[0].get_num().get_ui());
    return algebra.number(result);
  }
  if (name == "binom" && values.size() == 2) {
    if (values[1] < 0) return {};
    if (values[1] > kFactorialMax || ::abs(values[0]) > 1'000'000)
      throw LimitReached("a binomial coefficient of more bits than are computed");
    mpz_class result;
    mpz_bin_ui(result.get_mpz_t(), values[0].get_num_mpz_t(), values[1].get_num().get_ui());
    return algebra.number(result);
  }
  mpz_class result = values[0].get_num();
  for (const mpq_class& value : values)
    if (name == "gcd")
      result = gcd(result, value.get_num());
    else
      result = lcm(result, value.get_num());
  check_bits(mpq_class(result));
  return algebra.number(result);
}

Form determinant(const Matrix& matrix, Algebra& algebra) {
  const size_t n = matrix.columns;
  if (matrix.rows() != n) throw NoValue("a determinant of a matrix that is not square");
  if (n == 1) return matrix.entries[0];
  if (n > 6) throw LimitReached("a determinant larger than is computed");
  Form result;
  for (size_t skipped = 0; skipped < n; ++skipped) {
    Matrix minor{n - 1, {}};
    for (size_t row = 1; row < n; ++row)
      for (size_t column = 0; column < n; ++column)
        if (column != skipped) minor.entries.push_back(matrix.entries[row * n + column]);
    const Form part = algebra.multiply(matrix.entries[skipped], determinant(minor, algebra));
    result = skipped % 2 == 0 ? algebra.add(result, part) : algebra.subtract(result, part);
  }
  return result;
}

Form call(const Node& node, Algebra& algebra) {
  const std::string& name = node.name;
  if (name == "det" && is_matrix(node.args[0]))
    return determinant(evaluate_matrix(node.args[0], algebra), algebra);
  if (name.starts_with("base:")) return evaluate(node.args[0], algebra);
  if (is_trigonometric(name)) return algebra.trigonometric(name, angle_of(node.args[0], algebra));
  std::vector<Form> args;
  for (const Node& arg : node.args) args.push_back(evaluate(arg, algebra));
  if (name == "sqrt") {
    const auto degree = algebra.rational(args[1]);
    if (!degree) return algebra.power(args[0], algebra.invert(args[1]));
    if (*degree == 0) throw NoValue("a root of degree zero");
    return algebra.power(args[0], algebra.number(1 / *degree));
  }
  if (name == "abs") return algebra.abs(args[0]);
  if (name == "exp") return algebra.exp(args[0]);
  if (name == "ln") return algebra.log(args[0]);
  if (name == "log")
    return algebra.multiply(algebra.log(args[0]), algebra.invert(algebra.log(args[1])));
  if (name == "ratio") return algebra.multiply(args[0], algebra.invert(args[1]));
  if (name == "floor" || name == "ceil" || name == "mod" || name == "factorial" ||
      name == "binom" || name == "gcd" || name == "lcm" || name == "max" || name == "min")
    return arithmetic(name, std::move(args), algebra);
  if (name.starts_with("over:")) return algebra.opaque(name, std::move(args), true);
  return algebra.opaque(name, std::move(args), false);  // An unknown function: f(x).
}

}  // namespace

Form evaluate(const Node& node, Algebra& algebra) {
  algebra.effort().spend(1);
  switch (node.kind) {
    case Kind::kNumber:
      check_bits(node.value);
      return algebra.number(node.value);
    case Kind::kSymbol:
      if (node.name == "pi") return algebra.pi();
      if (node.name == "e") return algebra.exp(algebra.number(1));
      if (node.name == "i") return algebra.imaginary_unit();
      return algebra.symbol(node.name);
    case Kind::kText:
      return algebra.symbol(node.name);
    case Kind::kSum: {
      Form result;
      for (const Node& arg : node.args) result = algebra.add(result, evaluate(arg, algebra));
      return result;
    }
    case Kind::kProduct:
      return product_of(node, algebra);
    case Kind::kPower:
      return algebra.power(evaluate(node.args[0], algebra), evaluate(node.args[1], algebra));
    case Kind::kCall:
      return call(node, algebra);
    case Kind::kPercent:
      return algebra.multiply(evaluate(node.args[0], algebra), algebra.number({1, 100}));
    case Kind::kDegree:
      return evaluate(node.args[0], algebra);
    case Kind::kTuple:
    case Kind::kList:
    case Kind::kMatrix:
    case Kind::kRelation:
    case Kind::kSetSum:
    case Kind::kNamedSet:
    case Kind::kPlusMinus:
    case Kind::kInfinity:
      break;
  }
  throw NoValue("something in a formula that is no number");
}

bool is_matrix(const Node& node) {
  if (node.kind == Kind::kMatrix) return true;
  if (node.kind != Kind::kSum && node.kind != Kind::kProduct && node.kind != Kind::kPower)
    return false;
  return std::any_of(node.args.begin(), node.args.end(), is_matrix);
}

Matrix evaluate_matrix(const Node& node, Algebra& algebra) {
  Matrix result;
  if (node.kind == Kind::kMatrix) {
    result.columns = std::stoul(node.name);
    for (const Node& arg : node.args) result.entries.push_back(evaluate(arg, algebra));
    return result;
  }
  if (node.kind == Kind::kSum) {
    for (const Node& arg : node.args) {
      const Matrix part = evaluate_matrix(arg, algebra);
      if (result.columns == 0) {
        result = part;
        continue;
      }
      if (part.columns != result.columns || part.entries.size() != result.entries.size())
        throw NoValue("a sum of matrices of different sizes");
      for (size_t i = 0; i < part.entries.size(); ++i)
        result.entries[i] = algebra.add(result.entries[i], part.entries[i]);
    }
    return result;
  }
  if (node.kind != Kind::kProduct) throw NoValue("a number where a matrix should be");
  Form factor = algebra.number(1);
  for (const Node& arg : node.args) {
    if (!is_matrix(arg)) {
      factor = algebra.multiply(factor, evaluate(arg, algebra));
      continue;
    }
    const Matrix right = evaluate_matrix(arg, algebra);
    if (result.columns == 0) {
      result = right;
      continue;
    }
    if (result.columns != right.rows()) throw NoValue("a product of matrices that do not fit");
    Matrix product{right.columns, {}};
    for (size_t row = 0; row < result.rows(); ++row)
      for (size_t column = 0; column < right.columns; ++column) {
        Form entry;
        for (size_t k = 0; k < result.columns; ++k)
          entry = algebra.add(entry, algebra.multiply(result.entries[row * result.columns + k],
                                                      right.entries[k * right.columns + column]));
        product.entries.push_back(std::move(entry));
      }
    result = std::move(product);
  }
  for (Form& entry : result.entries) entry = algebra.multiply(entry, factor);
  return result;
}

int infinite_sign(const Node& node) {
  if (node.kind == Kind::kInfinity) return 1;
  if (node.kind == Kind::kSum && node.args.size() == 1) return infinite_sign(node.args[0]);
  if (node.kind == Kind::kProduct && node.args.size() == 2 && node.args[0].kind == Kind::kNumber &&
      node.args[1].kind == Kind::kInfinity)
    return node.args[0].value > 0 ? 1 : node.args[0].value < 0 ? -1 : 0;
  return 0;
}

}  // namespace thespis::tasks::math
