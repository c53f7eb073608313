#pragma once
// "normalizer" of a tokenizer.json: none, NFC, or a sequence of these.

#include <string>
#include <string_view>

#include "model/hf/json_fields.hpp"

namespace thespis::model {

class Normalizer {
 public:
  /// Reads "normalizer" of the document. Throws InputError: malformed, or of a type not supported.
  static Normalizer read(const JsonFields& document);

  /// `text`, well-formed UTF-8, normalised: either `text` itself or a view of `buffer`.
  std::string_view apply(std::string_view text, std::string& buffer) const;

 private:
  bool nfc_ = false;
};

}  // namespace thespis::model
