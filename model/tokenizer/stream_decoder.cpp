#include "model/tokenizer/stream_decoder.hpp"

#include "model/tokenizer/utf8.hpp"

namespace thespis::model {

std::string StreamDecoder::push(int32_t id) {
  std::string text;
  if (special_ == SpecialTokens::kSkip && tokenizer_.is_special(id)) return text;
  pending_ += tokenizer_.token_bytes(id);
  pending_.erase(0, append_utf8_lossy(pending_, true, text));
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  append_utf8_lossy(pending_, false, text);
  pending_.clear();
  return text;
}

}  // namespace thespis::model
