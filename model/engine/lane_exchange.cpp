#include "model/engine/lane_exchange.hpp"

#include <algorithm>

namespace thespis::model {

void assign_items(std::span<const size_t> first, size_t lane_count, uint32_t ranks,
                  std::vector<uint32_t>& item_ranks) {
  item_ranks.resize(first.back());
  for (uint32_t r = 0; r < ranks; ++r) {
    const LaneBlock block = LaneBlock::of(lane_count, ranks, r);
    for (size_t b = 0; b + 1 < first.size(); ++b)
      if (block.first <= b % lane_count && b % lane_count < block.last)
        std::fill(item_ranks.begin() + static_cast<ptrdiff_t>(first[b]),
                  item_ranks.begin() + static_cast<ptrdiff_t>(first[b + 1]), r);
  }
}

std::vector<float*> LaneExchange::run(size_t lane_count, std::span<float* const> own,
                                      const Shards::Range& within, const std::string& what) {
  const uint32_t rank_count = ranks_.size(), me = ranks_.rank();
  const auto block = [&](uint32_t r) { return LaneBlock::of(lane_count, rank_count, r); };
  const auto part = [&](uint32_t r) { return shards_.of_rank(r) & within; };
  const auto from_begin = [&](uint32_t r) {
    return part(r).size() ? part(r).begin - within.begin : 0;
  };
  std::vector<float*> lanes;
  size_t others = 0;
  for (size_t l = 0; l < lane_count; ++l) {
    if (block(me).first <= l && l < block(me).last) {
      lanes.push_back(own[l - block(me).first] + from_begin(me));
      continue;
    }
    if (others == received_.size()) received_.emplace_back(0);
    FloatArena& place = received_[others++];
    if (place.size() < part(me).size()) place = FloatArena(part(me).size());
    lanes.push_back(place.data());
  }
  // The k-th lane of every rank goes round together: no copies, and as many rounds as a rank has
  // lanes.
  for (size_t k = 0; rank_count > 1 && k < (lane_count + rank_count - 1) / rank_count; ++k) {
    std::vector<collective::ConstBytes> send(rank_count);
    std::vector<collective::Bytes> receive(rank_count);
    for (uint32_t r = 0; r < rank_count; ++r) {
      if (r == me) continue;
      if (k < block(me).size())
        send[r] = std::as_bytes(std::span(own[k] + from_begin(r), part(r).size()));
      if (k < block(r).size())
        receive[r] = std::as_writable_bytes(std::span(lanes[block(r).first + k], part(me).size()));
    }
    ranks_.exchange(send, receive, what);
  }
  return lanes;
}

}  // namespace thespis::model
