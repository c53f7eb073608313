#include "model/tokenizer/bpe.hpp"

#include <algorithm>
#include <queue>

#include "model/tokenizer/utf8.hpp"

namespace thespis::model {
namespace {

constexpr int32_t kNone = -1;
/// Up to so many symbols, looking at all pairs each time is faster than a queue.
constexpr size_t kScanSymbolsMax = 64;

}  // namespace

size_t Bpe::encode(std::string_view piece, std::vector<int32_t>& out) const {
  const int32_t word = words().find(piece);
  if (word >= 0 && (ignore_merges_ || encodes_to_itself(word))) {
    out.push_back(word);
    return piece.size();
  }
  return encode_parts(piece, out);
}

bool Bpe::encodes_to_itself(int32_t id) const {
  // Every thread finds the same, so it does not matter who notes it, or how often.
  std::atomic<Whole>& whole = whole_[static_cast<size_t>(id)];
  const Whole known = whole.load(std::memory_order_relaxed);
  if (known != Whole::kUnknown) return known == Whole::kYes;
  std::vector<int32_t> ids;
  const std::string_view text = words().text(id);
  const bool yes = encode_parts(text, ids) == text.size() && ids == std::vector<int32_t>{id};
  whole.store(yes ? Whole::kYes : Whole::kNo, std::memory_order_relaxed);
  return yes;
}

size_t Bpe::encode_parts(std::string_view piece, std::vector<int32_t>& out) const {
  std::array<int32_t, kScanSymbolsMax> few;
  std::vector<int32_t> many;
  int32_t* ids = few.data();
  if (piece.size() > few.size()) {
    many.resize(piece.size());
    ids = many.data();
  }
  size_t count = 0;
  const size_t done = first_ids(piece, ids, count);
  if (done < piece.size()) return done;
  if (count <= kScanSymbolsMax) {
    merge_by_scan(ids, count, out);
  } else {
    merge_by_queue(ids, count, out);
  }
  return done;
}

/// The tokens of the single characters or bytes; returns where one has none, or piece.size().
size_t Bpe::first_ids(std::string_view piece, int32_t* ids, size_t& count) const {
  for (size_t position = 0; position < piece.size();) {
    const size_t length = byte_level_ ? 1 : utf8_length(piece, position);
    const int32_t id = byte_level_   ? byte_ids_[static_cast<uint8_t>(piece[position])]
                       : length == 0 ? kNone
                                     : vocabulary_.find(piece.substr(position, length));
    if (id < 0) return position;
    ids[count++] = id;
    position += length;
  }
  return piece.size();
}

void Bpe::merge_by_scan(const int32_t* ids, size_t count, std::vector<int32_t>& out) const {
  struct Part {
    int32_t id;
    Merge with_next;
  };
  std::array<Part, kScanSymbolsMax> parts;
  for (size_t i = 0; i < count; ++i)
    parts[i] = {ids[i], i + 1 < count ? merges_.find(ids[i], ids[i + 1]) : Merge{}};
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (parts[i].with_next.rank < parts[best].with_next.rank) best = i;
    if (parts[best].with_next.rank == Merge::kNever) break;
    parts[best].id = parts[best].with_next.id;
    std::copy(parts.begin() + best + 2, parts.begin() + count, parts.begin() + best + 1);
    --count;
    parts[best].with_next =
        best + 1 < count ? merges_.find(parts[best].id, parts[best + 1].id) : Merge{};
    if (best > 0) parts[best - 1].with_next = merges_.find(parts[best - 1].id, parts[best].id);
  }
  for (size_t i = 0; i < count; ++i) out.push_back(parts[i].id);
}

/// A token of the piece in a doubly linked list; a merged-away one has no id.
struct Bpe::Symbol {
  int32_t id;
  int32_t previous, next;  // Indices, kNone at the ends.
};

void Bpe::merge_by_queue(const int32_t* ids, size_t count, std::vector<int32_t>& out) const {
  struct Candidate {
    uint32_t rank;
    int32_t left;                                   // Index of the left symbol.
    int32_t id;                                     // What the pair becomes.
    bool operator<(const Candidate& other) const {  // The queue's top is its largest.
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  std::vector<Symbol> symbols(count);
  for (size_t i = 0; i < count; ++i) {
    const auto index = static_cast<int32_t>(i);
    symbols[i] = {ids[i], index - 1, i + 1 < count ? index + 1 : kNone};
  }
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int32_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const Merge merge = merges_.find(symbols[left].id, symbols[symbols[left].next].id);
    if (merge.rank != Merge::kNever) queue.push({merge.rank, left, merge.id});
  };
  for (size_t i = 0; i < count; ++i) offer(static_cast<int32_t>(i));
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.left];
    if (left.id == kNone || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    // An older candidate may have become another pair; it counts only if it still gives this token.
    const Merge merge = merges_.find(left.id, right.id);
    if (merge.rank == Merge::kNever || merge.id != top.id) continue;
    left.id = top.id;
    left.next = right.next;
    right.id = kNone;
    if (left.next != kNone) symbols[left.next].previous = top.left;
    offer(left.previous);
    offer(top.left);
  }
  for (const Symbol& s : symbols)
    if (s.id != kNone) out.push_back(s.id);
}

}  // namespace thespis::model
