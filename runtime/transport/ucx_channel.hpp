#pragma once
// The way of messages between this node and one peer: a UCX worker and endpoint of its own, so
// that a lost peer is forgotten by destroying them. Lives on the network thread.
//   UC-1  A frame without this channel's token is dropped before anything else of it is looked at.
//   UC-2  Frames go out and arrive as one contiguous piece each; received ones are 8-aligned.
//   UC-3  Frames are handed over in the order of their numbers: a small one does not overtake a
//        large one.
//   UC-4  What is sent before connect() waits for it: an actor that the peer was told of may end
//        before the peer says where it is.
// Endpoints use UCX's error mode NONE (with PEER shared memory loses its single copy, and tcp a
// third of its bandwidth); that a peer is gone is seen on the control connection.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/transport/buffer_pool.hpp"
#include "runtime/transport/frame_channel.hpp"
#include "runtime/transport/ucx_context.hpp"
#include "runtime/wire/message.hpp"

namespace thespis::transport {

class UcxChannel final : public FrameChannel {
 public:
  struct Limits {
    uint64_t frame_bytes_max;
    uint64_t reordered_frames_max = uint64_t{1} << 20;
  };
  using Received = ReceivedFrame;

  /// `token` is what the peer must know.
  UcxChannel(std::shared_ptr<UcxContext> context, std::shared_ptr<BufferPool> pool, uint64_t token,
             Limits limits);
  ~UcxChannel() override;
  UcxChannel(const UcxChannel&) = delete;
  UcxChannel& operator=(const UcxChannel&) = delete;

  std::string address() const { return worker_->address(); }
  int event_descriptor() const { return worker_->event_descriptor(); }
  bool arm() { return worker_->arm(); }
  /// `token` is what the peer drew. Throws Error where UCX finds no way to it.
  void connect(const std::string& address, uint64_t token);

  void send(FrameHeader header, wire::Frame frame) override;
  /// True where something was done; received frames then wait in take_received().
  bool progress();
  /// Replaces the content of `into` by the frames that are next in order, since the last call.
  void take_received(std::vector<Received>& into) {
    into.clear();
    received_.swap(into);
  }
  bool has_received() const { return !received_.empty(); }
  /// Bytes of frames whose sending ended since the last call.
  uint64_t take_sent_bytes() { return std::exchange(sent_bytes_, 0); }
  /// Frames that UCX still holds.
  uint64_t sending() const { return sending_; }

  uint64_t sent_count() const { return sent_count_; }
  uint64_t received_count() const { return order_.count(); }
  uint64_t dropped_count() const { return dropped_count_; }
  /// Not empty: the channel is of no more use, and why.
  const std::string& failure() const { return failure_; }

 private:
  struct Sending;
  struct Receiving;
  static ucs_status_t on_active_message(void* self, const void* header, size_t header_bytes,
                                        void* data, size_t data_bytes,
                                        const ucp_am_recv_param_t* param);
  ucs_status_t receive(const FrameHeader& header, void* data, size_t data_bytes, bool rendezvous);
  void finish_send(Sending* sending, ucs_status_t status);
  void finish_receive(Receiving* receiving, ucs_status_t status);
  void arrived(const FrameHeader& header, wire::Frame frame);
  void fail(std::string why);

  std::shared_ptr<BufferPool> pool_;
  const uint64_t token_;
  const Limits limits_;
  uint64_t peer_token_ = 0;
  ucp_ep_h endpoint_ = nullptr;
  std::vector<std::unique_ptr<Sending>> sendings_;  // All there are, for reuse.
  std::vector<Sending*> free_sendings_;
  std::map<Receiving*, std::unique_ptr<Receiving>> receivings_;
  std::vector<ReceivedFrame> unconnected_;  // Sent before connect().
  FrameOrder order_;
  std::vector<Received> received_;
  uint64_t sending_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t sent_count_ = 0;
  uint64_t dropped_count_ = 0;
  std::string failure_;
  std::unique_ptr<UcxWorker>
      worker_;  // Last: destroyed first, while what it points to is still there.
};

}  // namespace thespis::transport
