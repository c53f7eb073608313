#pragma once
// A model's chat template: Jinja2 as Hugging Face's tokenizers run it (trim_blocks, lstrip_blocks,
// break and continue, tojson, raise_exception, strftime_now; no autoescaping), without what chat
// templates do not use: inheritance, includes, recursive loops. What is not supported is refused
// with its name and line. Templates are data from strangers: they read nothing but their
// variables, and end within the limits of runtime.hpp.

#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat/functions.hpp"
#include "model/chat/value.hpp"

namespace thespis::model::chat {

class ChatTemplate {
 public:
  using Variables = std::vector<std::pair<std::string, Value>>;

  /// Throws InputError "PLACE line 12: ..." for what is wrong, or not supported, in `source`.
  static ChatTemplate parse(std::string_view source, const std::string& place);

  /// `now`: what strftime_now says; without it the function is not defined. Throws InputError, like
  /// parse; RaisedByTemplate (also an InputError) with the text of raise_exception.
  std::string render(const Variables& variables, std::optional<std::tm> now) const;

 private:
  struct Parsed;
  explicit ChatTemplate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;  // Immutable; any thread may render.
};

}  // namespace thespis::model::chat
