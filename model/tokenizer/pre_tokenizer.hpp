#pragma once
// "pre_tokenizer" of a tokenizer.json: cuts text into the pieces that are encoded one by one.
// Types: Split (all behaviours, Regex or String, invert), ByteLevel, Digits, Punctuation, Sequence.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/hf/json_fields.hpp"
#include "model/tokenizer/regex.hpp"

namespace thespis::model {

class PreTokenizer {
 public:
  /// A part of a text: a match, or what lies between two.
  struct Stretch {
    size_t begin, end;
    bool matches;
  };

  /// One thread's working memory, which also holds the pieces' characters where they are not the
  /// text's own; for any number of texts.
  struct Scratch {
    RegexScratch regex;
    std::deque<std::string> texts;
    std::vector<std::string_view> pieces, next;
    std::vector<Stretch> stretches;
  };

  /// Reads the document's "pre_tokenizer". Throws InputError.
  static PreTokenizer read(const JsonFields& document);

  /// The pieces of `text`, well-formed UTF-8, in order, none empty; they live as long as `text` and
  /// until the next call. Throws InputError where a pattern takes more than its bounds.
  const std::vector<std::string_view>& split(std::string_view text, Scratch& scratch) const;

  /// Whether pieces are bytes, whose tokens are written in the byte-level alphabet.
  bool byte_level() const { return byte_level_; }
  /// The patterns of its Split steps with a Regex, in order: they tell a tokenizer's kind.
  std::vector<std::string> patterns() const;

 private:
  enum class Behavior : uint8_t {
    kRemoved,
    kIsolated,
    kMergedWithPrevious,
    kMergedWithNext,
    kContiguous
  };
  enum class Kind : uint8_t { kSplit, kPrefixSpace, kToAlphabet, kFromAlphabet };
  struct Stage {
    Kind kind = Kind::kSplit;
    std::optional<Regex> regex;  // Of kSplit, as all that follows.
    Behavior behavior = Behavior::kIsolated;
    bool invert = false;
    bool named = false;  // The file has the pattern.
  };
  static Behavior read_behavior(const JsonFields& fields, const char* fallback);
  void read_split(const JsonFields& fields);
  void read_byte_level(const JsonFields& fields);
  void add_split(const JsonFields& fields, const char* key, std::string_view pattern,
                 Behavior behavior, bool invert, bool named);
  static void merge_stretches(Behavior behavior, std::vector<Stretch>& stretches);
  static void split_piece(const Stage& stage, std::string_view piece, Scratch& scratch);

  std::vector<Stage> stages_;
  bool byte_level_ = false;
};

}  // namespace thespis::model
