#include "gpu/emulation/cards.hpp"

#include <atomic>
#include <cstdio>
#include <mutex>

#include "gpu/emulation/stream.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::emulation {
namespace {

double gib(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 30);
}

class Card final : public Device {
 public:
  Card(std::shared_ptr<Host> host, uint32_t index, std::shared_ptr<Memory> memory)
      : host_(std::move(host)), index_(index), memory_(std::move(memory)) {}

  DeviceInfo info() const override {
    return {"emulated card " + std::to_string(index_), memory_->size(), memory_->free_size(), 1};
  }
  void* allocate(size_t bytes, const std::string& what) override {
    THESPIS_ASSERT(!host_->schedule.captures());
    if (void* at = memory_->allocate(bytes, what)) return at;
    char text[96];
    std::snprintf(text, sizeof(text), ": %.2f GiB asked for, %.2f GiB free of %.2f", gib(bytes),
                  gib(memory_->free_size()), gib(memory_->size()));
    const std::lock_guard lock(mutex_);
    throw Error("emulated card: out of memory for " + what + text +
                (plan_.empty() ? plan_ : "; planned: " + plan_));
  }
  /// Waits for the card's work, as cudaFree does.
  void release(void* at) noexcept override {
    THESPIS_ASSERT(!host_->schedule.captures());
    host_->schedule.run_card(index_);
    host_->schedule.forget(index_, at, memory_->around(at).size());
    memory_->release(at);
  }
  void* allocate_host(size_t bytes, const std::string& what) override {
    THESPIS_ASSERT(!host_->schedule.captures());
    return host_->pinned.allocate(bytes, what);
  }
  /// Waits for nothing: whoever gives pinned memory back knows that no work uses it.
  void release_host(void* at) noexcept override {
    THESPIS_ASSERT(!host_->schedule.captures());
    const auto piece = host_->pinned.around(at);
    THESPIS_ASSERT(!host_->schedule.uses({piece.data(), piece.size()}));
    host_->pinned.release(at);
  }
  std::unique_ptr<DeviceStream> make_stream() override {
    return std::make_unique<Stream>(host_, memory_, index_);
  }
  void note_plan(std::string plan) override {
    const std::lock_guard lock(mutex_);
    plan_ = std::move(plan);
  }
  /// Products have one algorithm here.
  void take_any_products() override { row_contract_ = false; }
  bool keeps_row_contract() const override { return row_contract_; }
  CommunicatorId make_communicator_id() override { return host_->meetings.make_id(); }
  std::unique_ptr<DeviceCommunicator> join(const CommunicatorId& id, uint32_t rank, uint32_t size,
                                           std::chrono::milliseconds deadline) override {
    return std::make_unique<Communicator>(host_, host_->meetings.find(id, size), rank, deadline);
  }

 private:
  const std::shared_ptr<Host> host_;
  const uint32_t index_;
  const std::shared_ptr<Memory> memory_;
  std::atomic<bool> row_contract_ = true;
  std::mutex mutex_;  // Guards the plan.
  std::string plan_;
};

}  // namespace

Machine::Machine(uint32_t cards, const CardOptions& options)
    : host_(std::make_shared<Host>(options)) {
  for (uint32_t i = 0; i < cards; ++i)
    memories_.push_back(std::make_shared<Memory>(options.memory));
}

std::unique_ptr<Device> Machine::open(uint32_t index) const {
  if (index >= memories_.size())
    throw InputError("emulated cards: there is no card " + std::to_string(index) + "; there are " +
                     std::to_string(memories_.size()));
  return std::make_unique<Card>(host_, index, memories_[index]);
}

std::vector<std::shared_ptr<Device>> make_cards(uint32_t count, const CardOptions& options) {
  const Machine machine(count, options);
  std::vector<std::shared_ptr<Device>> cards;
  for (uint32_t i = 0; i < count; ++i) cards.push_back(machine.open(i));
  return cards;
}

}  // namespace thespis::gpu::emulation
