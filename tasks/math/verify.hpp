#pragma once
// Is a prediction's final answer the gold one? Pure functions of the texts, callable from any
// thread, bounded in time and memory by limits.hpp.
//   MV-1  kEqual is said only of what is proved equal (decimals: equal as rounded). No limit, no
//         error and no approximation leads to it.
//   MV-2  What stands between the judge and a verdict is kUnjudged, with the reason.

#include <cstdint>
#include <string>
#include <string_view>

#include "tasks/math/compare.hpp"
#include "tasks/math/extract.hpp"

namespace thespis::tasks::math {

enum class Judgement : uint8_t { kEqual, kDifferent, kUnjudged };

/// "equal", "different", "unjudged".
std::string_view name(Judgement judgement);

struct VerifyOptions {
  Notation notation;
  CompareOptions compare;
};

struct Verification {
  Judgement judgement = Judgement::kUnjudged;
  std::string why;  ///< For people: one line.
  /// The prediction holds no answer, or none that could be read: its own failing.
  bool no_answer = false;
};

Verification verify(std::string_view gold, std::string_view prediction,
                    const VerifyOptions& options = {});

/// What votes count answers by: the same text for equal answers where that is known, else the
/// answer as written. Empty: no answer. Never throws for what the text says.
std::string vote_text(std::string_view prediction);

}  // namespace thespis::tasks::math
