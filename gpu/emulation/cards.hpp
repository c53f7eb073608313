#pragma once
// Cards in the host's memory, for tests where there is none: the interface of gpu/device.hpp, the
// arithmetic of the CPU's operation table at a card's rounding points. Memory is as a card's:
// nothing is there before it is written, each allocation stands alone, and work runs when the
// interface says so and not before (schedule.hpp).

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/device.hpp"

namespace thespis::gpu::emulation {

/// Where the interface leaves open which of two streams' work runs first.
enum class Order : uint8_t {
  kLate,         ///< Work that nobody waits for yet waits itself.
  kOthersFirst,  ///< All other work that may run goes before what is waited for.
  kRandom,       ///< By chance, at any call.
};

struct CardOptions {
  Order order = Order::kLate;
  uint64_t seed = 1;                     ///< For kRandom.
  uint64_t memory = uint64_t{16} << 30;  ///< Bytes of each card.
};

struct Host;
class Memory;

/// Cards of one host, which can join a communicator of theirs.
class Machine {
 public:
  explicit Machine(uint32_t cards, const CardOptions& options = {});
  /// As gpu::open_device(): again and again, always on the one memory of the card.
  std::unique_ptr<Device> open(uint32_t index) const;

 private:
  const std::shared_ptr<Host> host_;
  std::vector<std::shared_ptr<Memory>> memories_;
};

/// Each card of a machine, opened once.
std::vector<std::shared_ptr<Device>> make_cards(uint32_t count, const CardOptions& options = {});

}  // namespace thespis::gpu::emulation
