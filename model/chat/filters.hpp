#pragma once
// Jinja2's filters. Those that are not in the tables are refused by name when a template is read:
// filesizeformat, forceescape, pprint, random, striptags, urlize, wordwrap, xmlattr.

#include <string_view>
#include <vector>

#include "model/chat/arguments.hpp"
#include "model/chat/runtime.hpp"

namespace thespis::model::chat {

struct FilterEntry {
  std::string_view name;
  Value (*apply)(Runtime& runtime, const Value& input, Arguments arguments);
};

/// nullptr: no such filter here.
const FilterEntry* find_filter(std::string_view name);

/// What `filter` makes of `input`.
Value apply_filter(Runtime& runtime, const FilterEntry& filter, const Value& input,
                   Arguments arguments);

/// The tables that find_filter looks into.
const std::vector<FilterEntry>& text_filters();
const std::vector<FilterEntry>& list_filters();
const std::vector<FilterEntry>& value_filters();

/// What `map(attribute="a.0.b")` and the like look up in each item; `absent` where it is undefined.
Value lookup(Runtime& runtime, const Value& object, const Value& path, const Value* absent);
/// Lower case of a text; other values as they are: how filters compare by default.
Value ignoring_case(Runtime& runtime, const Value& value);

}  // namespace thespis::model::chat
