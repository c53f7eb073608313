#pragma once
// JSON as values: objects keep their order, numbers their kind and their digits.

#include <string>
#include <string_view>

#include "model/chat/value.hpp"

namespace thespis::model::chat {

/// Throws InputError "PLACE: not JSON: ..." where `text` is none, or nested too deep.
Value parse_json(std::string_view text, const std::string& place);

}  // namespace thespis::model::chat
