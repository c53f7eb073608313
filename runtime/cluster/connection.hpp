#pragma once
// One peer from the first byte of its control connection to its end: handshake, introduction,
// heartbeats, loss.
// On the network thread.
//   CO-1  Stages only go forward; a connection that failed or left is closed once and reaped by
//        the node.
//   CO-2  A joined peer is suspected after silence, and lost at the end of its control connection,
//        a longer
//         silence, a failure of its channel, or a frame that no node of ours sends.
//   CO-3  The control socket is closed before buffers that the peer may still read by shared
//        memory.

#include <caf/actor.hpp>

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/session.hpp"
#include "runtime/transport/event_loop.hpp"
#include "runtime/transport/handshake.hpp"
#include "runtime/transport/socket.hpp"
#include "runtime/transport/ucx_channel.hpp"
#include "schemas/cluster.capnp.h"
#include "schemas/transport.capnp.h"

namespace thespis::cluster {

class Connection final : public Session::Owner {
 public:
  enum class Stage { kConnecting, kHandshake, kIntroduction, kJoined, kClosed };

  /// What a connection needs of its node.
  class Host {
   public:
    virtual ~Host() = default;
    virtual const ClusterOptions& options() const = 0;
    virtual const Session::Shared& shared() const = 0;
    virtual transport::EventLoop& loop() = 0;
    virtual std::string address() const = 0;
    virtual uint64_t memory_domain() const = 0;
    virtual caf::actor front() const = 0;
    virtual std::unique_ptr<transport::UcxChannel> make_channel(bool shared_memory,
                                                                const transport::Fd& socket,
                                                                uint64_t token) = 0;
    virtual void activate(Connection& connection) = 0;
    virtual void closed(Connection& connection) = 0;
    virtual void event(const Connection& connection, wire::PeerEvent::Kind kind,
                       const std::string& detail) = 0;
  };
  using Joined = std::promise<caf::actor>;

  /// Accepts: the peer dialled.
  Connection(Host& host, uint64_t key, transport::Fd socket);
  /// Dials: `dialled` is how the user calls the peer; `joined` is kept or broken with an Error.
  Connection(Host& host, uint64_t key, transport::Fd socket, std::string dialled,
             std::shared_ptr<Joined> joined);
  ~Connection() override;

  uint64_t key() const { return key_; }
  Stage stage() const { return stage_; }
  bool dialled() const { return dialled_; }
  bool joined() const { return stage_ == Stage::kJoined; }
  bool suspected() const { return suspected_; }
  bool authenticated() const { return records_.has_value(); }
  const std::string& peer_address() const { return peer_address_; }
  const std::string& peer_name() const { return peer_name_; }
  const Session* session() const { return session_.get(); }
  const transport::UcxChannel* channel() const { return channel_.get(); }

  void on_control_ready(uint32_t epoll_events);
  /// Progresses the channel. False: asleep until its descriptor or activate() wakes it.
  bool turn(env::Nanoseconds now);
  static uint64_t channel_key(uint64_t key) { return key + 1; }
  void activate() override;
  /// In the node's list of those that get turns.
  bool active = false;
  /// `own_pause`: this process itself did not run for so long, and could hear nobody.
  void on_time(env::Nanoseconds now, env::Nanoseconds own_pause);
  /// This node leaves: says so when all is sent. The connection closes when the peer agrees.
  void begin_leaving();
  void close(wire::PeerEvent::Kind how, const std::string& why);
  /// A session's frame of the outbox.
  void send(Outgoing outgoing) { session_->send(std::move(outgoing)); }

 private:
  template <class Step>
  void guarded(Step&& step);
  void read_control();
  void write_control();
  void on_bytes(std::span<const uint8_t> bytes);
  void on_record(std::vector<uint8_t> record);
  void on_offer(wire::Offer::Reader offer);
  void on_answer(wire::Answer::Reader answer);
  void on_ready(wire::Ready::Reader ready);
  void send_control(capnp::MessageBuilder& message);
  void send_offer();
  void send_heartbeat();
  void send_leave();
  void open_channel(bool shared_memory);
  void connect_channel(wire::Channel::Reader peer);
  void enter();
  void deliver_received();
  bool peer_closed_control() const;
  void on_control_end(const std::string& why);
  void heard(env::Nanoseconds now);
  void note_activity(env::Nanoseconds now);
  bool finish_turn(env::Nanoseconds now);
  std::string peer_label() const { return peer_name_ + " at " + peer_address_; }
  void watch_output(bool on);

  Host& host_;
  const uint64_t key_;
  transport::Fd socket_;
  const bool dialled_;
  Stage stage_;
  transport::Handshake handshake_;
  std::optional<transport::RecordStream> records_;
  std::shared_ptr<Joined> joined_;
  std::vector<uint8_t> output_;
  bool output_watched_ = false;
  std::string peer_address_;
  std::string peer_name_;
  uint64_t own_token_ = 0;
  bool shared_memory_ = false;
  std::unique_ptr<transport::UcxChannel> channel_;
  std::vector<transport::UcxChannel::Received> batch_;  // Kept for its memory.
  std::shared_ptr<Session> session_;
  bool touched_ = false;    // A frame was sent since the last turn.
  bool looks_out_ = false;  // Busy polling instead of sleeping.
  bool slept_ = false;      // Since the last activity.
  uint32_t sleeps_left_ = 0;
  bool suspected_ = false;
  bool leaving_ = false;
  bool leave_sent_ = false;
  std::optional<uint64_t> peer_leaves_after_;  // Frames that it sent.
  const env::Nanoseconds opened_;
  env::Nanoseconds active_at_{0};
  env::Nanoseconds heard_at_{0};
  env::Nanoseconds beat_at_{0};
  env::Nanoseconds peer_progress_at_{0};
  uint64_t peer_received_ = 0;
};

}  // namespace thespis::cluster
