#pragma once
// Tokens into a tree, with Jinja2's grammar. Statements are here, expressions in
// expression_parser.hpp.

#include <string_view>

#include "model/chat/ast.hpp"
#include "model/chat/lexer.hpp"

namespace thespis::model::chat {

/// Deeper templates are refused: those who walk them need the stack.
constexpr uint32_t kNestingMax = 100;

/// Parses a whole template. Throws SyntaxError: what is wrong, or which part of Jinja2 is not
/// supported, by its name.
Block parse(std::string_view source);

}  // namespace thespis::model::chat
