#pragma once
// One connection of two simulated processes, and its two ends.

#include <memory>
#include <string>
#include <vector>

#include "runtime/cluster/session.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Network& network, uint64_t number, uint32_t a, uint32_t b);
  ~Connection();

  /// One process's end: what its session sends goes to the other end.
  class End final : public transport::FrameChannel, public cluster::Session::Owner {
   public:
    End(Connection& connection, uint32_t node, int side);
    void send(transport::FrameHeader header, wire::Frame frame) override;
    void activate() override {}
    uint32_t node() const { return node_; }
    uint64_t life() const { return life_; }
    bool open() const { return open_; }
    cluster::Session& session() { return *session_; }

   private:
    friend class Connection;
    void receive(const transport::FrameHeader& header, wire::Frame frame);

    Connection& connection_;
    const uint32_t node_;
    const uint64_t life_;
    const int side_;
    std::shared_ptr<cluster::Session> session_;
    transport::FrameOrder order_;
    env::KeyedRandom random_;
    uint64_t sent_ = 0;
    Nanoseconds free_at_{0};  // When the line has taken what was sent so far.
    bool open_ = true;
    bool cut_ = false;  // Half of the next frame is the last that comes.
  };
  End& end_of(uint32_t node) { return ends_[0]->node() == node ? *ends_[0] : *ends_[1]; }
  End& other(uint32_t node) { return ends_[0]->node() == node ? *ends_[1] : *ends_[0]; }
  bool is_of(uint32_t node) const { return ends_[0]->node_ == node || ends_[1]->node_ == node; }
  bool closed() const { return !ends_[0]->open_ && !ends_[1]->open_; }

  /// The process of `node` gives its peer up, at the next moment that it runs.
  void give_up(uint32_t node, const std::string& why);
  /// It breaks: of the next frame that reaches an end half arrives, and then nothing more.
  void break_off();
  /// It ended: its end is gone; `silently`: the peer will have to notice by itself.
  void process_ended(uint32_t node, bool silently);
  /// If by then the peer of `node` has not been heard since `since`, it is given up.
  void expect_word(uint32_t node, Nanoseconds since);

 private:
  void close(End& end, const std::string& why);
  void tell_end(End& from);
  void transmit(End& from, const transport::FrameHeader& header, const wire::Frame& frame);
  void arrive(int side, const transport::FrameHeader& header, const wire::Frame& frame,
              bool counts);
  bool silent_since(uint32_t from, uint32_t to, Nanoseconds since) const;

  Network& network_;
  World& world_;
  std::unique_ptr<End> ends_[2];
};

}  // namespace thespis::sim
