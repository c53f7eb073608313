#pragma once
// Python's view of a text: code points, not bytes; what counts as a blank, a line's end, a letter's
// case. Every text here is valid UTF-8. A change of case is one letter for one, except for ß (SS)
// and for the sigma that ends a word.

#include <cstdint>
#include <string>
#include <string_view>

namespace thespis::model::chat {

/// The code point at the beginning of `text`, which is not empty, cut off from it.
char32_t take_character(std::string_view& text);
/// The last one, cut off from the end.
char32_t take_last_character(std::string_view& text);
void append_character(std::string& text, char32_t character);

/// Code points in `text`.
size_t character_count(std::string_view text);
/// Bytes of the first `count` code points; all of them where there are fewer.
size_t bytes_of(std::string_view text, size_t count);

/// str.isspace() of one character.
bool is_space(char32_t c);
/// Where str.splitlines() cuts.
bool is_line_end(char32_t c);
/// What repr() shows as itself.
bool is_printable(char32_t c);
bool is_letter(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
/// First letter of each word upper, the rest lower: str.title().
std::string to_title(std::string_view text);
/// First character upper, the rest lower: str.capitalize().
std::string capitalized(std::string_view text);

/// `text` without characters of `set` at its ends; blanks where there is no set.
enum class Ends : uint8_t { kBoth, kLeft, kRight };
std::string_view strip(std::string_view text, Ends ends);
std::string_view strip(std::string_view text, Ends ends, std::string_view set);

/// Place of `part` in `text` at or after byte `from`; npos: not there. Linear in both.
size_t find_part(std::string_view text, std::string_view part, size_t from = 0);

}  // namespace thespis::model::chat
