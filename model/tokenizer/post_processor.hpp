#pragma once
// "post_processor" of a tokenizer.json: what stands before and after a text's tokens, as a BOS
// token does. Types: TemplateProcessing, ByteLevel (which moves offsets only), Sequence.

#include <cstdint>
#include <functional>
#include <vector>

#include "model/hf/json_fields.hpp"

namespace thespis::model {

class PostProcessor {
 public:
  /// Reads the document's "post_processor"; its ids are those that `is_token` knows. Throws
  /// InputError.
  static PostProcessor read(const JsonFields& document,
                            const std::function<bool(int32_t)>& is_token);

  const std::vector<int32_t>& before() const { return before_; }
  const std::vector<int32_t>& after() const { return after_; }

 private:
  std::vector<int32_t> before_, after_;
};

}  // namespace thespis::model
