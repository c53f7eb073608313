#pragma once
// Where any thread leaves what the network thread is to do: frames to send, and rare tasks.

#include <caf/actor_control_block.hpp>
#include <caf/message_id.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/transport/frame_channel.hpp"

namespace thespis::cluster {

class Session;

/// One frame before it has a number.
struct Outgoing {
  uint64_t to = 0;
  caf::message_id message;
  caf::strong_actor_ptr sender;
  transport::FrameKind kind = transport::FrameKind::kMessage;
  uint64_t type_id = 0;
  wire::Frame frame;
};

class Outbox {
 public:
  using Task = std::function<void()>;
  struct Item {
    std::shared_ptr<Session> session;  ///< Null for a task.
    Outgoing outgoing;
    Task task;
  };

  /// `wake` is called from any thread: the network thread has something to do.
  explicit Outbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// False after close(): nothing was taken.
  bool push(Item item);
  bool push(Task task) { return push(Item{nullptr, {}, std::move(task)}); }
  std::vector<Item> take();
  bool empty() const { return !filled_.load(std::memory_order_seq_cst); }
  /// The network thread is about to end. What is still inside is given back.
  std::vector<Item> close();
  /// Called once by the network thread when it starts.
  void adopt_thread() { thread_.store(std::this_thread::get_id()); }
  bool on_network_thread() const { return std::this_thread::get_id() == thread_.load(); }

 private:
  const std::function<void()> wake_;
  std::atomic<bool> filled_{false};
  std::atomic<bool> closed_{false};
  std::atomic<std::thread::id> thread_{};
  std::mutex mutex_;
  std::vector<Item> items_;
};

}  // namespace thespis::cluster
