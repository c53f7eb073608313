#include "model/device/device_rank.hpp"

#include <algorithm>
#include <vector>

namespace thespis::model {
namespace {

// Large enough for the links' full speed, small beside the gradients themselves.
constexpr uint64_t kPieceFloats = uint64_t{16} << 20;

/// Of the ranks' parts of `within`.
uint64_t largest(const Shards& shards, const Shards::Range& within) {
  uint64_t size = 0;
  for (uint32_t r = 0; r < shards.ranks(); ++r)
    size = std::max(size, (shards.of_rank(r) & within).size());
  return size;
}

uint64_t piece_floats(const Shards& shards) {
  return std::min(kPieceFloats, largest(shards, {0, UINT64_MAX}));
}

}  // namespace

uint64_t DeviceReduction::scratch_bytes(const Shards& shards) {
  return piece_floats(shards) * (shards.ranks() - 1) * sizeof(float);
}

DeviceReduction::DeviceReduction(std::shared_ptr<gpu::Device> device, const DeviceGroup& group,
                                 const Shards& shards)
    : group_(group), shards_(shards), piece_(piece_floats(shards)) {
  if (shards.ranks() > 1)
    received_ = {std::move(device), scratch_bytes(shards) / sizeof(float),
                 "gradients of other cards"};
}

void DeviceReduction::sum(gpu::DeviceStream& stream, float* gradient, const Shards::Range& within,
                          const std::string& what) {
  if (shards_.ranks() == 1) return;
  const uint32_t own = group_.rank(), members = group_.cards->size();
  for (uint64_t done = 0; done < largest(shards_, within); done += piece_) {
    const auto piece = [&](uint32_t rank) {
      const Shards::Range part = shards_.of_rank(rank) & within;
      return part & Shards::Range{part.begin + done, part.begin + done + piece_};
    };
    const Shards::Range mine = piece(own);
    std::vector<gpu::SentPiece> send(members, {nullptr, 0});
    std::vector<gpu::ReceivedPiece> receive(members, {nullptr, 0});
    gpu::on_device::SumLanesArgs sum{{}, shards_.ranks(), mine.size(), gradient + mine.begin};
    for (uint32_t r = 0, place = 0; r < shards_.ranks(); ++r) {
      sum.lanes[r] = gradient + mine.begin;
      if (r == own) continue;
      send[r] = {gradient + piece(r).begin, piece(r).size() * sizeof(float)};
      receive[r] = {received_.data() + place++ * piece_, mine.size() * sizeof(float)};
      sum.lanes[r] = static_cast<float*>(receive[r].at);
    }
    group_.cards->exchange(stream, send, receive, what);
    stream.sum_lanes(sum);
  }
}

void DeviceGroup::wait(gpu::DeviceStream& stream, const std::string& what) const {
  if (cards != nullptr)
    cards->wait(stream, what);
  else
    stream.synchronize();
}

void share_weights(gpu::DeviceStream& stream, gpu::DeviceCommunicator& cards,
                   const std::vector<bool>& samples, const Shards& shards, const gpu::Bf16* own,
                   gpu::Bf16* whole, const std::string& what) {
  std::vector<gpu::SentPiece> send(cards.size(), {nullptr, 0});
  std::vector<gpu::ReceivedPiece> receive(cards.size(), {nullptr, 0});
  const uint32_t me = cards.rank();
  for (uint32_t r = 0; r < shards.ranks() && samples[me]; ++r) {
    const Shards::Range& shard = shards.of_rank(r);
    receive[r] = {whole + shard.begin, shard.size() * sizeof(gpu::Bf16)};
  }
  for (uint32_t m = 0; m < cards.size() && me < shards.ranks(); ++m) {
    const Shards::Range& shard = shards.of_rank(me);
    if (samples[m]) send[m] = {own + shard.begin, shard.size() * sizeof(gpu::Bf16)};
  }
  cards.exchange(stream, send, receive, what);
}

void gather_weights(gpu::DeviceStream& stream, const DeviceGroup& group, const Shards& shards,
                    const Shards::Range& within, const gpu::Bf16* own, gpu::Bf16* out,
                    const std::string& what) {
  std::vector<gpu::SentPiece> send(group.cards->size(), {nullptr, 0});
  std::vector<gpu::ReceivedPiece> receive(group.cards->size(), {nullptr, 0});
  const Shards::Range mine = shards.of_rank(group.rank()) & within;
  for (uint32_t r = 0; r < shards.ranks(); ++r) {
    const Shards::Range part = shards.of_rank(r) & within;
    send[r] = {own + mine.begin, mine.size() * sizeof(gpu::Bf16)};
    receive[r] = {out + part.begin, part.size() * sizeof(gpu::Bf16)};
  }
  group.cards->exchange(stream, send, receive, what);
}

}  // namespace thespis::model
