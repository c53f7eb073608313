#pragma once
// A text that a base model is pretrained on.

#include <string>

#include "tasks/data/small_tokenizer.hpp"

namespace thespis::tasks {

struct Document {
  std::string prompt;      ///< With the R1-Zero template.
  std::string completion;  ///< Ends with kEndOfText.
};

}  // namespace thespis::tasks
