#pragma once
// Every limit of the math verifier by name, and the effort that is counted against them. Answers
// are written by models: whatever they say, a verdict or a typed refusal comes within these bounds.
//   ML-1  Work beyond a limit throws LimitReached; nothing is rounded, cut or guessed instead.

#include <cstddef>
#include <cstdint>

#include <gmpxx.h>

#include "runtime/base/error.hpp"

namespace thespis::tasks::math {

constexpr size_t kTextBytesMax = 16 << 20;    ///< A completion or a gold text.
constexpr size_t kAnswerBytesMax = 16 << 10;  ///< What stands in a box, or between dollar signs.
constexpr size_t kPlainBytesMax = 1 << 20;    ///< Of a text's end, where plain numbers are sought.
constexpr size_t kCandidatesMax = 64;         ///< Answers that one text is tried for.
constexpr size_t kDigitsMax = 4096;           ///< Of one number as written.
constexpr uint32_t kDepthMax = 100;           ///< Groups inside one another.
constexpr size_t kNodesMax = 4096;            ///< Of one parsed answer.
constexpr size_t kBitsMax = 1 << 15;          ///< Of a numerator or a denominator.
constexpr size_t kTermsMax = 2048;            ///< Of a polynomial.
constexpr size_t kAtomsMax = 512;             ///< Distinct symbols, radicals, function values.
constexpr uint64_t kStepsMax = 300'000;       ///< Products of two terms and the like, in all.
constexpr size_t kMatrixEntriesMax = 1024;
constexpr size_t kListMax = 512;  ///< Elements of a set or list.
constexpr uint32_t kFactorialMax = 3000;
constexpr uint32_t kTrialDivisorMax = 2000;  ///< Primes up to here are taken out of radicands.

/// A limit stands between the judge and a verdict.
class LimitReached : public Error {
 public:
  using Error::Error;
};

/// Something written that has no value: a division by zero, a matrix as an exponent.
class NoValue : public Error {
 public:
  using Error::Error;
};

/// The work that one comparison may cost.
class Effort {
 public:
  void spend(uint64_t steps) {
    spent_ += steps;
    if (spent_ > kStepsMax) throw LimitReached("more steps than a comparison may take");
  }

 private:
  uint64_t spent_ = 0;
};

inline void check_bits(const mpq_class& value) {
  if (mpz_sizeinbase(value.get_num_mpz_t(), 2) > kBitsMax ||
      mpz_sizeinbase(value.get_den_mpz_t(), 2) > kBitsMax)
    throw LimitReached("a number of more bits than are computed with");
}

}  // namespace thespis::tasks::math
