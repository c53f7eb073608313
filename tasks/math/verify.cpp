// See verify.hpp.

#include "tasks/math/verify.hpp"

#include "runtime/base/assert.hpp"
#include "tasks/math/limits.hpp"
#include "tasks/math/reading.hpp"
#include "tasks/math/shapes.hpp"

namespace thespis::tasks::math {

std::string_view name(Judgement judgement) {
  switch (judgement) {
    case Judgement::kEqual:
      return "equal";
    case Judgement::kDifferent:
      return "different";
    case Judgement::kUnjudged:
      return "unjudged";
  }
  THESPIS_ASSERT(false);
}

Verification verify(std::string_view gold, std::string_view prediction,
                    const VerifyOptions& options) {
  const Reading wanted = read_answer(gold, options.notation);
  if (!wanted.limit.empty())
    return {Judgement::kUnjudged, "the gold answer has " + wanted.limit, false};
  if (wanted.text.empty()) return {Judgement::kUnjudged, "the gold text has no answer", false};
  const Reading given = read_answer(prediction, options.notation);
  if (!given.limit.empty())
    return {Judgement::kUnjudged, "the prediction has " + given.limit, true};
  if (given.text.empty()) return {Judgement::kDifferent, "no answer in the prediction", true};
  if (given.text == wanted.text) return {Judgement::kEqual, "written the same way", false};
  if (!wanted.answer)
    return {Judgement::kUnjudged, "the gold answer is no mathematics that is known", false};
  if (!given.answer) return {Judgement::kDifferent, "the prediction's answer cannot be read", true};
  Algebra algebra;
  try {
    if (equal(*wanted.answer, *given.answer, options.compare, algebra))
      return {Judgement::kEqual, "the same value", false};
    return {Judgement::kDifferent, "another value", false};
  } catch (const LimitReached& limit) {
    return {Judgement::kUnjudged, limit.what(), false};
  } catch (const NoValue& error) {
    return {Judgement::kUnjudged, std::string("the gold answer has ") + error.what(), false};
  }
}

std::string vote_text(std::string_view prediction) {
  const Reading given = read_answer(prediction, {});
  if (!given.answer) return given.text;
  Algebra algebra;
  try {
    return canonical_text(*given.answer, algebra);
  } catch (const LimitReached&) {
    return given.text;
  } catch (const NoValue&) {
    return given.text;
  }
}

}  // namespace thespis::tasks::math
