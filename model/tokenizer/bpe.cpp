#include "model/tokenizer/bpe.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <queue>
#include <set>

#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

constexpr int32_t kNone = -1;

uint64_t pair_key(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

/// Both halves of a merge: ["a", "b"], or "a b" as older files have it.
std::optional<std::pair<std::string, std::string>> read_pair(const nlohmann::json& value) {
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string())
    return std::pair(value[0].get<std::string>(), value[1].get<std::string>());
  if (!value.is_string()) return std::nullopt;
  const auto text = value.get<std::string>();
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    return std::nullopt;
  return std::pair(text.substr(0, space), text.substr(space + 1));
}

void refuse_options(const JsonFields& model) {
  if (model.number("dropout", 0, 1).value_or(0) != 0)
    model.refuse("dropout", "is not supported; supported: null");
  if (model.has("unk_token"))
    model.refuse("unk_token", "is not supported; unknown characters are errors; supported: null");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model.text(key).value_or("").empty())
      model.refuse(key, "is not supported; supported: null");
  if (model.flag("byte_fallback").value_or(false))
    model.refuse("byte_fallback", "true is not supported; supported: false");
}

}  // namespace

size_t utf8_length(std::string_view text, size_t position) {
  if (position >= text.size()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first < 0xc2   ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || text.size() - position < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  const uint8_t second = byte(1);
  const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                   (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

/// A token of the piece in a doubly linked list; a merged-away one has no id.
struct Bpe::Symbol {
  int32_t id;
  int32_t previous, next;  // Indices, kNone at the ends.
};

Bpe Bpe::read(const JsonFields& model) {
  const std::string type = model.text("type").value_or("(none)");
  if (type != "BPE") model.refuse("type", "\"" + type + "\" is not supported; supported: \"BPE\"");
  refuse_options(model);
  Bpe bpe;
  bpe.ignore_merges_ = model.flag("ignore_merges").value_or(false);
  bpe.read_vocabulary(model);
  bpe.read_merges(model);
  return bpe;
}

void Bpe::read_vocabulary(const JsonFields& model) {
  const auto vocab = model.object("vocab");
  if (!vocab) model.refuse("vocab", "is missing");
  std::set<uint32_t> seen;
  for (const auto& [text, id] : vocab->value().items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kTokenIdsMax)
      model.refuse("vocab", "gives token " + brief(text) + " the id " + brief(id) +
                                "; ids are whole numbers below " + std::to_string(kTokenIdsMax));
    if (!seen.insert(id.get<uint32_t>()).second)
      model.refuse("vocab",
                   "gives the id " + brief(id) + " to two tokens, one of them " + brief(text));
    vocabulary_.emplace(text, id.get<int32_t>());
  }
}

void Bpe::read_merges(const JsonFields& model) {
  const auto* merges = model.find("merges");
  if (merges == nullptr || !merges->is_array()) model.refuse("merges", "must be a list");
  uint32_t rank = 0;
  for (const auto& value : *merges) {
    const std::string what = "entry " + std::to_string(rank) + " ";
    const auto pair = read_pair(value);
    if (!pair) model.refuse("merges", what + "is not a pair of tokens but " + brief(value));
    const auto left = vocabulary_.find(pair->first), right = vocabulary_.find(pair->second);
    const auto whole = vocabulary_.find(pair->first + pair->second);
    if (left == vocabulary_.end() || right == vocabulary_.end() || whole == vocabulary_.end())
      model.refuse("merges", what + "joins " + brief(pair->first) + " and " + brief(pair->second) +
                                 "; the two and their whole must be in vocab");
    merges_[pair_key(left->second, right->second)] = {rank++, whole->second};
  }
}

const Bpe::Merge* Bpe::find_merge(int32_t left, int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

size_t Bpe::encode(std::string_view piece, std::vector<int32_t>& out) const {
  if (ignore_merges_) {
    if (const auto whole = vocabulary_.find(std::string(piece)); whole != vocabulary_.end()) {
      out.push_back(whole->second);
      return piece.size();
    }
  }
  std::vector<Symbol> symbols;
  for (size_t position = 0; position < piece.size();) {
    const size_t length = utf8_length(piece, position);
    const auto found = vocabulary_.find(std::string(piece.substr(position, length)));
    if (length == 0 || found == vocabulary_.end()) return position;
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({found->second, index - 1, index + 1});
    position += length;
  }
  if (symbols.empty()) return 0;
  symbols.back().next = kNone;
  merge_all(symbols);
  for (const Symbol& s : symbols)
    if (s.id != kNone) out.push_back(s.id);
  return piece.size();
}

void Bpe::merge_all(std::vector<Symbol>& symbols) const {
  struct Candidate {
    uint32_t rank;
    int32_t left;                                   // Index of the left symbol.
    int32_t id;                                     // What the pair becomes.
    bool operator<(const Candidate& other) const {  // The queue's top is its largest.
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int32_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const Merge* merge = find_merge(symbols[left].id, symbols[symbols[left].next].id);
    if (merge != nullptr) queue.push({merge->rank, left, merge->id});
  };
  for (size_t i = 0; i < symbols.size(); ++i) offer(static_cast<int32_t>(i));
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.left];
    if (left.id == kNone || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    // An older candidate may have become another pair; it counts only if it still gives this token.
    const Merge* merge = find_merge(left.id, right.id);
    if (merge == nullptr || merge->id != top.id) continue;
    left.id = top.id;
    left.next = right.next;
    right.id = kNone;
    if (left.next != kNone) symbols[left.next].previous = top.left;
    offer(left.previous);
    offer(top.left);
  }
}

}  // namespace thespis::model
