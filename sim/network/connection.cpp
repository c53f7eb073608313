#include "sim/network/connection.hpp"

#include <kj/exception.h>
#include <xxhash.h>

#include <cmath>
#include <utility>

#include "runtime/base/error.hpp"
#include "sim/cluster/process.hpp"

namespace thespis::sim {
namespace {

constexpr uint64_t kEarlyFramesMax = uint64_t{1} << 20;
constexpr double kRetransmitS = 0.2;  // Doubled each time, as TCP does.

uint64_t hash_of(const wire::Frame& frame) {
  return frame.words == nullptr ? 0 : XXH3_64bits(frame.words, frame.size_bytes());
}

}  // namespace

Connection::End::End(Connection& connection, uint32_t node, int side)
    : connection_(connection),
      node_(node),
      life_(connection.world_.node(node).lives),
      side_(side),
      order_(kEarlyFramesMax),
      random_(connection.world_.random(Stream::kLinks, connection.network_.next_connection_ << 1 |
                                                           static_cast<uint64_t>(side))) {}

Connection::Connection(Network& network, uint64_t, uint32_t a, uint32_t b)
    : network_(network), world_(network.world_) {
  for (int side = 0; side < 2; ++side) {
    const uint32_t node = side == 0 ? a : b, peer = side == 0 ? b : a;
    ends_[side] = std::make_unique<End>(*this, node, side);
    ends_[side]->session_ = std::make_shared<cluster::Session>(
        world_.node(node).process->sessions(), *ends_[side], *ends_[side], world_.node(peer).name);
  }
}

Connection::~Connection() = default;

void Connection::End::send(transport::FrameHeader header, wire::Frame frame) {
  if (!open_ || connection_.world_.node(node_).process->is_dying()) return;
  header.number = ++sent_;
  connection_.network_.bytes_under_way_ += cost_bytes(frame);
  connection_.network_.bytes_max_ =
      std::max(connection_.network_.bytes_max_, connection_.network_.bytes_under_way_);
  connection_.transmit(*this, header, frame);
}

void Connection::transmit(End& from, const transport::FrameHeader& header,
                          const wire::Frame& frame) {
  const Link& link = world_.scenario().link;
  const uint32_t to = other(from.node_).node_;
  const double size = static_cast<double>(transport::FrameChannel::cost_bytes(frame));
  from.free_at_ =
      std::max(from.free_at_, world_.now()) + duration(size * 8 / (link.bandwidth_gbps * 1e9));
  const auto draw = [&] {
    double s = link.latency_ms / 1e3 - std::log(1 - from.random_.uniform()) * link.jitter_ms / 1e3;
    const auto under = [&](FaultKind kind, double& most) {
      bool any = false;
      most = 0;
      for (const uint32_t node : {from.node_, to})
        if (world_.is_under(node, kind))
          any = true, most = std::max(most, world_.factor(node, kind));
      return any;
    };
    double factor = 0;
    if (under(FaultKind::kDelay, factor)) s += factor * from.random_.uniform();
    if (under(FaultKind::kReorder, factor)) s += 0.05 * factor * from.random_.uniform();
    double loss = link.loss;
    if (under(FaultKind::kLoss, factor)) loss = std::max(loss, std::min(factor, 0.9));
    double again = kRetransmitS;
    for (int tries = 0; tries < 8 && loss > 0 && from.random_.uniform() < loss; ++tries, again *= 2)
      s += again;
    return s;
  };
  const auto schedule = [&](double delay_s, bool counts) {
    world_.queue().at(from.free_at_ + duration(delay_s),
                      [self = shared_from_this(), side = 1 - from.side_, header, frame, counts] {
                        self->arrive(side, header, frame, counts);
                      });
  };
  schedule(draw(), true);
  const bool twice = world_.is_under(from.node_, FaultKind::kDuplicate) ||
                     world_.is_under(to, FaultKind::kDuplicate);
  if (twice && from.random_.below(2) == 0) schedule(draw() + 0.01, false);
}

void Connection::arrive(int side, const transport::FrameHeader& header, const wire::Frame& frame,
                        bool counts) {
  End& to = *ends_[side];
  End& from = *ends_[1 - side];
  const Nanoseconds blocked = network_.blocked_until(from.node_, to.node_);
  if (to.open_ && blocked > world_.now()) {
    // It waits in the sender's buffers, and goes out again when the way is free.
    world_.queue().at(blocked + duration(kRetransmitS * from.random_.uniform()),
                      [self = shared_from_this(), side, header, frame, counts] {
                        self->arrive(side, header, frame, counts);
                      });
    return;
  }
  if (counts) {
    const uint64_t cost = transport::FrameChannel::cost_bytes(frame);
    network_.bytes_under_way_ -= cost;
    if (from.open_) from.session_->sent(cost);
  }
  if (!to.open_) return;
  world_.enter(to.node_, to.life_, [self = shared_from_this(), side, header, frame] {
    self->ends_[side]->receive(header, frame);
  });
}

void Connection::End::receive(const transport::FrameHeader& header, wire::Frame frame) {
  if (!open_ || order_.knows(header.number)) return;  // The transport drops what it had.
  World& world = connection_.world_;
  ++connection_.network_.frames_;
  const uint32_t peer = connection_.other(node_).node_;
  if (world.scenario().workload.encoded && frame.words != nullptr) {
    world.note(node_, Happened::kFrame, peer, hash_of(frame));
    frame = wire::Frame::copy(frame.bytes());
  } else {
    world.note(node_, Happened::kFrame, peer, header.type_id ^ header.message);
  }
  const bool half = cut_ && frame.words != nullptr && frame.word_count > 1;
  if (half) {
    constexpr uint64_t kWord = sizeof(capnp::word);
    frame = wire::Frame::copy(frame.bytes().first(frame.word_count / 2 * kWord));
  }
  std::vector<transport::ReceivedFrame> next;
  try {
    const std::string wrong = order_.arrived({header, std::move(frame)}, next);
    if (!wrong.empty()) throw Error(wrong);
    for (auto& received : next) session_->receive(std::move(received));
  } catch (const Error& error) {
    if (half) ++world.fault_counts()["half a frame, refused"];
    connection_.close(*this, error.what());
  } catch (const kj::Exception& error) {
    if (half) ++world.fault_counts()["half a frame, refused"];
    connection_.close(*this, error.getDescription().cStr());
  }
  if (cut_) connection_.close(*this, "the connection broke in the middle of a frame");
}

void Connection::break_off() {
  constexpr double kNoticeS = 1;  // Where no frame comes.
  for (const auto& end : ends_) {
    end->cut_ = true;
    world_.queue().after(duration(kNoticeS), [self = shared_from_this(), node = end->node_] {
      self->give_up(node, "the connection broke");
    });
  }
}

void Connection::close(End& end, const std::string& why) {
  if (!end.open_) return;
  end.open_ = false;
  world_.note(end.node_, Happened::kLost, other(end.node_).node_, 0, why);
  end.session_->close(why);
  tell_end(end);
}

void Connection::give_up(uint32_t node, const std::string& why) {
  world_.enter(node, end_of(node).life_,
               [self = shared_from_this(), node, why] { self->close(self->end_of(node), why); });
}

// Its last word on the control connection: the peer hears it as soon as the way is free.
void Connection::tell_end(End& from) {
  End& to = other(from.node_);
  if (!to.open_) return;
  const Nanoseconds blocked = network_.blocked_until(from.node_, to.node_);
  const Nanoseconds free = std::max(blocked, world_.now());
  const auto latency = duration(world_.scenario().link.latency_ms / 1e3);
  world_.queue().at(free + latency, [self = shared_from_this(), &from, &to] {
    if (self->network_.blocked_until(from.node_, to.node_) > self->world_.now())
      return self->tell_end(from);
    self->give_up(to.node_, "it closed the connection");
  });
}

void Connection::process_ended(uint32_t node, bool silently) {
  End& end = end_of(node);
  if (end.open_) {
    end.open_ = false;
    end.session_->close("this process ended");
    if (!silently) tell_end(end);
  }
  if (silently && other(node).open_) expect_word(other(node).node_, world_.now());
}

bool Connection::silent_since(uint32_t from, uint32_t to, Nanoseconds since) const {
  const Nanoseconds now = world_.now();
  const auto& state = world_.node(from);
  const End& end = ends_[0]->node_ == from ? *ends_[0] : *ends_[1];
  if (!state.process || state.lives != end.life_) return true;
  const Spell& pause = state.spells[static_cast<size_t>(FaultKind::kPause)];
  if (now < pause.until && pause.since <= since) return true;
  const auto block = network_.blocks_.find({from, to});
  return block != network_.blocks_.end() && now < block->second.until &&
         block->second.since <= since;
}

void Connection::expect_word(uint32_t node, Nanoseconds since) {
  const auto limit = duration(world_.scenario().cluster.lost_after_s);
  world_.queue().at(since + limit, [self = shared_from_this(), node, since] {
    End& end = self->end_of(node);
    if (!end.open_ || !self->silent_since(self->other(node).node_, node, since)) return;
    self->give_up(node, "it was silent for too long");
  });
}

}  // namespace thespis::sim
