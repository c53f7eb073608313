#pragma once
// What the tiny base model is pretrained on: Countdown prompts with thoughts that try things out in
// random order, most of which give up early and answer with the last attempt, right or wrong.
//   PC-1  Every equation in a document is true; `!` stands after an attempt that hits, only there.
//   PC-2  Document `index` is a function of (options, seed, index) alone, and of no test instance.

#include <cstdint>
#include <string>

#include "runtime/config/recipe.hpp"
#include "tasks/countdown/countdown.hpp"
#include "tasks/data/document.hpp"

namespace thespis::tasks {

class PretrainCorpus {
 public:
  /// A thought's limit counts numbers and signs, which below 100 are tokens of the tiny tokenizer:
  /// 222 leave room for the rest of a document in a context of 256. Throws InputError: other than
  /// three or four numbers, which is what the form of a thought is made for.
  PretrainCorpus(const config::CountdownSection& countdown,
                 const config::PretrainCorpusSection& options, uint64_t seed);
  Document at(uint64_t index) const;

 private:
  config::CountdownSection countdown_;
  config::PretrainCorpusSection options_;
  uint64_t seed_;
};

}  // namespace thespis::tasks
