#pragma once
// Python's work on texts that filters and methods share.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat/characters.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

/// str.replace: the first `count` places; all where it is negative.
Value replace(Runtime& runtime, std::string_view text, std::string_view old, std::string_view by,
              int64_t count);

/// str.splitlines: without an empty last line; line ends are kept or not.
std::vector<std::string_view> split_lines(Runtime& runtime, std::string_view text, bool keep_ends);

/// str.split and str.rsplit at blanks, at most `most` cuts; all where it is negative.
std::vector<std::string_view> split_blanks(Runtime& runtime, std::string_view text, int64_t most,
                                           Ends from);
/// The same at `separator`, which is not empty.
std::vector<std::string_view> split_at(Runtime& runtime, std::string_view text,
                                       std::string_view separator, int64_t most, Ends from);

/// The last place of `part`; npos: not there. Linear in both.
size_t find_last(std::string_view text, std::string_view part);

/// A list of texts.
Value list_of(Runtime& runtime, const std::vector<std::string_view>& texts);

/// str.strip with a set of characters; one that is too long is a Fault.
Value strip_set(Runtime& runtime, std::string_view text, Ends ends, const Value& set);

/// str.center, ljust, rjust: `ends` is where the fill goes.
Value pad(Runtime& runtime, std::string_view text, int64_t width, std::string_view fill, Ends ends);

/// `text` with & < > " ' as HTML writes them.
std::string escaped(Runtime& runtime, std::string_view text);

/// The text of a value that must be one; `what` stands in the Fault.
const std::string& text_of(const Value& value, std::string_view what);
/// The same for a whole number.
int64_t integer_of(const Value& value, std::string_view what);

}  // namespace thespis::model::chat
