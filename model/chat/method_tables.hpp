#pragma once
// The tables that find_method looks into: all that Python has, so that a template which asks for
// one that is not supported is told so.

#include <vector>

#include "model/chat/methods.hpp"

namespace thespis::model::chat {

const std::vector<MethodEntry>& text_methods();
const std::vector<MethodEntry>& list_methods();
const std::vector<MethodEntry>& tuple_methods();
const std::vector<MethodEntry>& dict_methods();
const std::vector<MethodEntry>& loop_methods();

}  // namespace thespis::model::chat
