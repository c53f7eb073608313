#pragma once
// One plan of a card's memory: what each part takes, how many pages of keys and values remain, how
// much the backward has to compute again, and whether it fits at all. The engine on a card makes
// its parts by it; `thespis plan-memory` prints it for cards that are not there.

#include <optional>
#include <string>
#include <vector>

#include "gpu/device.hpp"
#include "model/device/device_memory.hpp"

namespace thespis::model {

/// What a card is used for.
struct CardUse {
  std::optional<TrainerLimits> trainer;
  uint32_t decoders = 0;
  GeneratorLimits decoder = {};  ///< Of each.
  uint32_t sequence_max = 0;     ///< Rows of the longest sequence that is scored; 0: nothing is.
  uint32_t versions = 1;         ///< Of all of the weights, that are held at once.
  double kv_share = 0;  ///< Of the card's memory, for the pages of all decoders; 0: what remains.

  bool exchanges = false;        ///< Weights, and where it trains gradients, with other cards.
  uint32_t rank = 0, ranks = 1;  ///< Its place among the cards that train together.
  Zero zero = Zero::kOptimizer;

  bool shares_weights() const { return trainer && ranks > 1 && zero == Zero::kWeights; }
  bool operator==(const CardUse&) const = default;
};

struct CardPlan {
  uint64_t memory = 0;  ///< Of the card.
  std::vector<MemoryPart> parts;
  uint32_t recomputed_layers = 0;  ///< Plan::training_memory.
  uint32_t pages = 0;              ///< Of each decoder.
  uint32_t pages_wanted = 0;       ///< What all its slots can need.

  uint64_t used() const { return total(parts); }
  bool fits() const { return used() <= memory; }
  /// "100.1 GiB of 139.8 GiB: weights 30.5 GiB, ...", the largest parts first.
  std::string summary() const;
  /// One line: what is asked for, what there is, what takes most and what would help.
  std::string refusal(const CardUse& use) const;
};

/// `memory`: bytes of the card, `taken` of them by what is not ours to plan (kContextBytes where
/// the card is not there to be asked).
CardPlan plan_card(const Plan& plan, const CardUse& use, uint64_t memory, uint64_t taken);

/// For a card at hand, whose memory others may have taken a part of.
CardPlan plan_card(const Plan& plan, const CardUse& use, const gpu::Device& card);

/// Taken by the driver for a process: its context; then, as they are used, the kernels' code and
/// recorded graphs.
constexpr uint64_t kLazyBytes = uint64_t{256} << 20;
constexpr uint64_t kContextBytes = (uint64_t{512} << 20) + kLazyBytes;
/// Of NCCL, where cards exchange: 1.06 GiB between two H200s (bench_cards), a little more for more.
constexpr uint64_t kCollectiveBytes = uint64_t{1152} << 20;

}  // namespace thespis::model
