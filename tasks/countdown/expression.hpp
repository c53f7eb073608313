#pragma once
// What an arithmetic expression written by a model is worth. The text is hostile: it is parsed,
// never run, and every limit has an outcome of its own.
//   EX-1  evaluate() returns for every text, in time linear in its length, with bounded recursion.
//   EX-2  Outcome kValue means the exact value; nothing is rounded.

#include <cstdint>
#include <string_view>
#include <vector>

#include "tasks/rational.hpp"

namespace thespis::tasks {

enum class ExpressionOutcome : uint8_t {
  kValue,
  kSyntax,
  kDivisionByZero,
  kOverflow,  ///< A number or an intermediate value does not fit 64 bits.
  kTooLong,
  kTooDeep,
};

constexpr uint64_t kExpressionBytesMax = 1024;
constexpr uint32_t kExpressionDepthMax = 64;  ///< Brackets inside one another.

struct Evaluation {
  ExpressionOutcome outcome = ExpressionOutcome::kSyntax;
  Rational value;                ///< Only with kValue.
  std::vector<int64_t> numbers;  ///< Every literal, in the order of the text; only with kValue.
};

/// Sums, differences, products and quotients of whole numbers with brackets and the usual
/// precedence; blanks between symbols. No signs, no decimal points, no leading zeros.
Evaluation evaluate(std::string_view text);

/// For people: "a syntax error", "a division by zero", ...
std::string_view describe(ExpressionOutcome outcome);

}  // namespace thespis::tasks
