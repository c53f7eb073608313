#pragma once
// The four parts of a tokenizer.json that are one step or a "Sequence" of steps: normalizer,
// pre_tokenizer, post_processor, decoder.

#include <string>
#include <vector>

#include "model/hf/json_fields.hpp"

namespace thespis::model {

inline constexpr size_t kStepsMax = 64;         ///< Of one part, its sequences laid out.
inline constexpr size_t kSequenceDepthMax = 8;  ///< Sequences within each other.

struct Step {
  JsonFields fields;
  std::string path;  ///< "pre_tokenizer.pretokenizers[1]"
  std::string type;
};

/// The steps of `document`'s part `key` in order, none where it is null; those of a Sequence stand
/// in its `list_key`. Throws InputError.
std::vector<Step> read_steps(const JsonFields& document, const std::string& key,
                             const char* list_key);

/// Throws InputError: a step of this type is not supported; `supported` lists what is.
[[noreturn]] void refuse_step(const JsonFields& document, const Step& step, const char* supported);

}  // namespace thespis::model
