#pragma once
// Where in a text its final answer stands: candidates, the likeliest first. The order is that of
// Math-Verify: "final answer is X. I hope", the last box and "final answer is X", "answer: X",
// "answer X", then the last formula or number of the text. GSM8K's "#### X" comes before them all,
// and what stands in the last <answer> tags, or behind the last </think>, before the rest.
//   XT-1  Linear in the text, whatever it holds; at most kCandidatesMax candidates.

#include <string>
#include <string_view>
#include <vector>

namespace thespis::tasks::math {

struct Notation {
  bool latex = true;  ///< Formulas between signs of LaTeX, and boxes.
  bool plain = true;  ///< Numbers and simple arithmetic in the text itself.
};

/// Each to be parsed as an answer; none where the text has no answer.
std::vector<std::string> answer_candidates(std::string_view text, const Notation& notation);

}  // namespace thespis::tasks::math
