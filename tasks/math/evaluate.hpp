#pragma once
// The exact value of a number or expression, and of matrices of them.

#include "tasks/math/algebra.hpp"
#include "tasks/math/node.hpp"

namespace thespis::tasks::math {

/// Throws NoValue: something that is no number (a list, a set, a division by zero); LimitReached.
Form evaluate(const Node& node, Algebra& algebra);

struct Matrix {
  size_t columns = 0;
  std::vector<Form> entries;  ///< Row by row.
  size_t rows() const { return entries.size() / columns; }
};

/// Of sums and products with matrices in them. Throws as evaluate(), and NoValue: sizes that do not
/// fit.
Matrix evaluate_matrix(const Node& node, Algebra& algebra);

/// A matrix occurs in it other than under a determinant.
bool is_matrix(const Node& node);

/// [plus or minus] infinity: 1 or -1; else 0.
int infinite_sign(const Node& node);

}  // namespace thespis::tasks::math
