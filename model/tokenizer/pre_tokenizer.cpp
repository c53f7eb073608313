#include "model/tokenizer/pre_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "model/tokenizer/byte_level.hpp"
#include "model/tokenizer/parts.hpp"
#include "model/tokenizer/utf8.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

constexpr const char* kSupported = "null, Split, ByteLevel, Digits, Punctuation, Sequence";

/// Of ByteLevel with "use_regex" (Radford et al. 2019, GPT-2's encoder.py).
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Hugging Face's punctuation: Unicode's, and the ASCII symbols.
constexpr const char* kPunctuation = R"([\p{P}$+<=>^`|~])";

/// A pattern for the text itself.
std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (size_t position = 0; position < text.size();) {
    const size_t length = utf8_length(text, position);
    pattern += fmt::format("\\x{{{:x}}}", utf8_code_point(text.substr(position, length)));
    position += length;
  }
  return pattern;
}

}  // namespace

PreTokenizer::Behavior PreTokenizer::read_behavior(const JsonFields& fields, const char* fallback) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  const std::string name = fields.text("behavior").value_or(fallback);
  for (size_t i = 0; i < kNames.size(); ++i)
    if (name == kNames[i]) return static_cast<Behavior>(i);
  fields.refuse("behavior", brief(name) +
                                " is not supported; supported: Removed, Isolated, "
                                "MergedWithPrevious, MergedWithNext, Contiguous");
}

void PreTokenizer::add_split(const JsonFields& fields, const char* key, std::string_view pattern,
                             Behavior behavior, bool invert, bool named) {
  auto regex = Regex::compile(pattern);
  if (!regex) fields.refuse(key, regex.error());
  stages_.push_back({Kind::kSplit, std::move(*regex), behavior, invert, named});
}

void PreTokenizer::read_split(const JsonFields& fields) {
  const Behavior behavior = read_behavior(fields, "(none)");
  const bool invert = fields.flag("invert").value_or(false);
  const auto pattern = fields.object("pattern");
  if (!pattern) fields.refuse("pattern", "is missing");
  if (const auto regex = pattern->text("Regex")) {
    add_split(*pattern, "Regex", *regex, behavior, invert, true);
  } else if (const auto text = pattern->text("String"); text && !text->empty()) {
    add_split(*pattern, "String", literal_pattern(*text), behavior, invert, false);
  } else {
    fields.refuse("pattern", "must have a Regex or a String that is not empty");
  }
}

void PreTokenizer::read_byte_level(const JsonFields& fields) {
  if (byte_level_) fields.refuse("type", "ByteLevel appears a second time, which is not supported");
  byte_level_ = true;
  if (fields.flag("add_prefix_space").value_or(true))
    stages_.push_back({Kind::kPrefixSpace, {}, {}, false, false});
  if (fields.flag("use_regex").value_or(true))
    add_split(fields, "use_regex", kGpt2Pattern, Behavior::kIsolated, false, false);
}

PreTokenizer PreTokenizer::read(const JsonFields& document) {
  PreTokenizer pre;
  bool in_alphabet = false;
  for (const Step& step : read_steps(document, "pre_tokenizer", "pretokenizers")) {
    // Steps after ByteLevel see its alphabet's characters; where none comes, bytes stay bytes.
    if (pre.byte_level_ && !in_alphabet && step.type != "ByteLevel") {
      pre.stages_.push_back({Kind::kToAlphabet, {}, {}, false, false});
      in_alphabet = true;
    }
    if (step.type == "Split") {
      pre.read_split(step.fields);
    } else if (step.type == "ByteLevel") {
      pre.read_byte_level(step.fields);
    } else if (step.type == "Digits") {
      const bool each = step.fields.flag("individual_digits").value_or(false);
      pre.add_split(step.fields, "type", "\\p{N}",
                    each ? Behavior::kIsolated : Behavior::kContiguous, false, false);
    } else if (step.type == "Punctuation") {
      pre.add_split(step.fields, "type", kPunctuation, read_behavior(step.fields, "Isolated"),
                    false, false);
    } else {
      refuse_step(document, step, kSupported);
    }
  }
  if (in_alphabet) pre.stages_.push_back({Kind::kFromAlphabet, {}, {}, false, false});
  return pre;
}

std::vector<std::string> PreTokenizer::patterns() const {
  std::vector<std::string> out;
  for (const Stage& stage : stages_)
    if (stage.named) out.push_back(stage.regex->pattern());
  return out;
}

const std::vector<std::string_view>& PreTokenizer::split(std::string_view text,
                                                         Scratch& scratch) const {
  auto& pieces = scratch.pieces;
  scratch.texts.clear();
  pieces.clear();
  if (text.empty()) return pieces;
  pieces.push_back(text);
  for (const Stage& stage : stages_) {
    scratch.next.clear();
    for (std::string_view& piece : pieces) {
      switch (stage.kind) {
        case Kind::kSplit:
          split_piece(stage, piece, scratch);
          break;
        case Kind::kPrefixSpace:
          if (piece[0] != ' ') piece = scratch.texts.emplace_back(" ").append(piece);
          break;
        case Kind::kToAlphabet: {
          std::string& mapped = scratch.texts.emplace_back();
          append_byte_level(piece, mapped);
          piece = mapped;
          break;
        }
        case Kind::kFromAlphabet: {
          auto bytes = from_byte_level(piece);
          THESPIS_ASSERT(bytes.has_value());
          piece = scratch.texts.emplace_back(std::move(*bytes));
          break;
        }
      }
    }
    if (stage.kind == Kind::kSplit) pieces.swap(scratch.next);
  }
  return pieces;
}

void PreTokenizer::split_piece(const Stage& stage, std::string_view piece, Scratch& scratch) {
  auto& stretches = scratch.stretches;
  stretches.clear();
  const auto add = [&](size_t begin, size_t end, bool matches) {
    stretches.push_back({begin, end, matches != stage.invert});
  };
  size_t done = 0;                   // Where the last stretch ends.
  size_t from = 0;                   // Where the next search begins.
  std::optional<size_t> last_match;  // Where the last match ended.
  while (from <= piece.size()) {
    const auto match = stage.regex->find(piece, from, scratch.regex);
    if (!match) break;
    if (match->begin == match->end && match->end == last_match) {
      // An empty match right after another does not count; the search goes on a character later.
      from += from < piece.size() ? utf8_length(piece, from) : 1;
      continue;
    }
    if (match->begin > done) add(done, match->begin, false);
    add(match->begin, match->end, true);
    done = from = match->end;
    last_match = match->end;
  }
  if (done < piece.size()) add(done, piece.size(), false);
  merge_stretches(stage.behavior, stretches);
  for (const Stretch& s : stretches)
    if (s.end > s.begin) scratch.next.push_back(piece.substr(s.begin, s.end - s.begin));
}

/// NormalizedString::split of Hugging Face's library: which stretches stay, and which are joined.
void PreTokenizer::merge_stretches(Behavior behavior, std::vector<Stretch>& stretches) {
  if (behavior == Behavior::kIsolated) return;
  if (behavior == Behavior::kRemoved) {
    std::erase_if(stretches, [](const Stretch& s) { return s.matches; });
    return;
  }
  if (behavior == Behavior::kMergedWithNext) std::ranges::reverse(stretches);
  std::vector<Stretch> merged;
  bool previous = false;
  for (const Stretch& s : stretches) {
    const bool joins =
        behavior == Behavior::kContiguous ? s.matches == previous : s.matches && !previous;
    previous = s.matches;
    if (joins && !merged.empty()) {
      merged.back().begin = std::min(merged.back().begin, s.begin);
      merged.back().end = std::max(merged.back().end, s.end);
    } else {
      merged.push_back(s);
    }
  }
  if (behavior == Behavior::kMergedWithNext) std::ranges::reverse(merged);
  stretches = std::move(merged);
}

}  // namespace thespis::model
