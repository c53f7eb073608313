#include "runtime/cluster/connection.hpp"

#include <kj/exception.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::cluster {
namespace {

using transport::Handshake;

// Looks into shared memory between two of the clock, the outbox and the other connections.
constexpr int kLooksPerTurn = 8;
// Closely following messages without a look-out after one that was in vain.
constexpr uint32_t kSleepsAfterVain = 64;
// Frames from here on may have been read out of the peer's memory.
constexpr uint64_t kRemoteReadBytesMin = 4096;

}  // namespace

Connection::Connection(Host& host, uint64_t key, transport::Fd socket)
    : host_(host),
      key_(key),
      socket_(std::move(socket)),
      dialled_(false),
      stage_(Stage::kHandshake),
      handshake_(transport::Side::kAcceptor, host.options().secret),
      peer_address_(transport::peer_address(socket_)),
      opened_(transport::EventLoop::now()) {
  host_.loop().watch(socket_.get(), key_, EPOLLIN | EPOLLRDHUP);
}

Connection::Connection(Host& host, uint64_t key, transport::Fd socket, std::string dialled,
                       std::shared_ptr<Joined> joined)
    : host_(host),
      key_(key),
      socket_(std::move(socket)),
      dialled_(true),
      stage_(Stage::kConnecting),
      handshake_(transport::Side::kDialer, host.options().secret),
      joined_(std::move(joined)),
      peer_address_(std::move(dialled)),
      opened_(transport::EventLoop::now()) {
  host_.loop().watch(socket_.get(), key_, EPOLLOUT);
}

Connection::~Connection() {
  THESPIS_ASSERT(stage_ == Stage::kClosed);
}

// The boundary to a peer: what it sent, or what the network did to it, ends its connection and
// nothing else.
template <class Step>
void Connection::guarded(Step&& step) {
  if (stage_ == Stage::kClosed) return;
  try {
    step();
  } catch (const Error& e) {
    close(wire::PeerEvent::Kind::LOST, e.what());
  } catch (const kj::Exception& e) {
    close(wire::PeerEvent::Kind::LOST,
          std::string("it sent a malformed frame: ") + e.getDescription().cStr());
  }
}

void Connection::on_control_ready(uint32_t epoll_events) {
  guarded([&] {
    if (stage_ == Stage::kConnecting) {
      const int error = transport::connect_result(socket_);
      if (error != 0) throw Error(transport::errno_text("no connection", error));
      stage_ = Stage::kHandshake;
      output_ = handshake_.take_output();
      output_watched_ = true;
      write_control();
      return;
    }
    if ((epoll_events & EPOLLOUT) != 0) write_control();
    if (stage_ != Stage::kClosed &&
        (epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
      read_control();
  });
}

void Connection::read_control() {
  std::array<uint8_t, 16384> buffer;
  while (stage_ != Stage::kClosed) {
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) {
      on_bytes({buffer.data(), static_cast<size_t>(count)});
    } else if (count == 0) {
      return on_control_end("it closed the connection");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      return on_control_end(transport::errno_text("the connection ended", errno));
    }
  }
}

void Connection::write_control() {
  while (!output_.empty()) {
    const ssize_t count = ::send(socket_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      output_.erase(output_.begin(), output_.begin() + count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return watch_output(true);
    } else if (errno != EINTR) {
      // Its last words may still wait to be read: the end is seen there.
      output_.clear();
    }
  }
  watch_output(false);
}

void Connection::watch_output(bool on) {
  if (on == output_watched_) return;
  output_watched_ = on;
  uint32_t events = EPOLLIN | EPOLLRDHUP;
  if (on) events |= EPOLLOUT;
  host_.loop().change(socket_.get(), key_, events);
}

void Connection::on_bytes(std::span<const uint8_t> bytes) {
  if (stage_ == Stage::kHandshake) {
    bytes = bytes.subspan(handshake_.feed(bytes));
    for (uint8_t byte : handshake_.take_output()) output_.push_back(byte);
    write_control();
    if (handshake_.status() == Handshake::Status::kFailed)
      throw Error("it " + handshake_.failure());
    if (handshake_.status() == Handshake::Status::kGoing) return;
    stage_ = Stage::kIntroduction;
    records_.emplace(handshake_.send_key(), handshake_.receive_key());
    if (dialled_) send_offer();
  }
  records_->feed(bytes);
  while (stage_ != Stage::kClosed) {
    auto record = records_->next();
    if (!record) return;
    on_record(std::move(*record));
  }
}

void Connection::activate() {
  touched_ = true;
  if (joined()) host_.activate(*this);
}

bool Connection::turn(env::Nanoseconds now) {
  bool again = false;
  guarded([&] {
    if (!joined()) return;
    bool did = channel_->progress();
    // A look into shared memory costs little; over tcp each is a system call.
    for (int look = 1; looks_out_ && shared_memory_ && !did && look < kLooksPerTurn; ++look)
      did = channel_->progress();
    session_->sent(channel_->take_sent_bytes());
    if (did || touched_) note_activity(now);
    touched_ = false;
    if (channel_->has_received()) {
      heard(now);
      deliver_received();
    }
    again = finish_turn(now);
  });
  return again;
}

// A look-out pays where messages follow each other closely and this thread has a core to itself: a
// lone message is no reason to stay awake, and where the peer shares the core a look-out only keeps
// it from answering. A look-out that was in vain is therefore not tried again for a while.
void Connection::note_activity(env::Nanoseconds now) {
  if (std::exchange(slept_, false) && std::exchange(looks_out_, false))
    sleeps_left_ = kSleepsAfterVain;
  const bool close = now - active_at_ < host_.options().spin;
  if (close && sleeps_left_ > 0) --sleeps_left_;
  looks_out_ = close && sleeps_left_ == 0;
  active_at_ = now;
}

bool Connection::finish_turn(env::Nanoseconds now) {
  if (!channel_->failure().empty()) throw Error(channel_->failure());
  if (const std::string overflow = session_->overflow(); !overflow.empty()) throw Error(overflow);
  if (peer_leaves_after_ && channel_->received_count() >= *peer_leaves_after_) {
    close(wire::PeerEvent::Kind::LEFT, "it left in order");
    return false;
  }
  if (leaving_ && !leave_sent_ && channel_->sending() == 0) send_leave();
  if (looks_out_ && now - active_at_ < host_.options().spin) return true;
  slept_ = channel_->arm();
  return !slept_;
}

void Connection::deliver_received() {
  channel_->take_received(batch_);
  for (transport::UcxChannel::Received& received : batch_) {
    const bool remote_read = shared_memory_ && received.frame.size_bytes() >= kRemoteReadBytesMin;
    // The peer closes its control connection before it frees what we read out of its memory (CO-3).
    if (remote_read && peer_closed_control()) throw Error("it gave this node up during a transfer");
    session_->receive(std::move(received));
    if (stage_ == Stage::kClosed) return;
  }
}

bool Connection::peer_closed_control() const {
  pollfd look{socket_.get(), POLLRDHUP, 0};
  return poll(&look, 1, 0) > 0;
}

void Connection::on_control_end(const std::string& why) {
  if (stage_ != Stage::kJoined) {
    const bool silent_stranger = dialled_ && !authenticated();
    throw Error(silent_stranger ? why + " during the handshake: is it a Thespis node?" : why);
  }
  // What had arrived is still good.
  while (channel_->progress()) {
    deliver_received();
    if (stage_ == Stage::kClosed || !channel_->failure().empty()) break;
  }
  if (stage_ == Stage::kClosed) return;
  const bool left =
      leaving_ || (peer_leaves_after_ && channel_->received_count() >= *peer_leaves_after_);
  close(left ? wire::PeerEvent::Kind::LEFT : wire::PeerEvent::Kind::LOST, why);
}

void Connection::heard(env::Nanoseconds now) {
  heard_at_ = now;
  if (!suspected_) return;
  suspected_ = false;
  host_.event(*this, wire::PeerEvent::Kind::RECOVERED, "it is heard again");
}

void Connection::on_time(env::Nanoseconds now, env::Nanoseconds own_pause) {
  guarded([&] {
    const ClusterOptions& options = host_.options();
    if (stage_ != Stage::kJoined) {
      if (now - opened_ - own_pause > options.handshake_deadline)
        throw Error("it did not answer within " +
                    std::to_string(options.handshake_deadline.count()) + " ms");
      return;
    }
    heard_at_ += own_pause;
    peer_progress_at_ += own_pause;
    if (now - beat_at_ >= options.heartbeat_interval) {
      beat_at_ = now;
      send_heartbeat();
    }
    const env::Nanoseconds silence = now - heard_at_;
    const auto silence_ms = std::chrono::duration_cast<std::chrono::milliseconds>(silence).count();
    if (silence > options.lost_after)
      throw Error("it was silent for " + std::to_string(silence_ms) + " ms");
    if (silence > options.suspect_after && !suspected_) {
      suspected_ = true;
      host_.event(*this, wire::PeerEvent::Kind::SUSPECTED,
                  "it was silent for " + std::to_string(silence_ms) + " ms");
    }
    if (peer_received_ == channel_->sent_count()) peer_progress_at_ = now;
    if (now - peer_progress_at_ > options.stall_after)
      throw Error("it received none of its messages for " +
                  std::to_string(options.stall_after.count()) + " ms");
  });
}

void Connection::begin_leaving() {
  leaving_ = true;
  if (joined())
    activate();
  else
    close(wire::PeerEvent::Kind::LEFT, "this node leaves");
}

void Connection::close(wire::PeerEvent::Kind how, const std::string& why) {
  if (stage_ == Stage::kClosed) return;
  const Stage before = std::exchange(stage_, Stage::kClosed);
  host_.loop().unwatch(socket_.get());
  if (before == Stage::kJoined) host_.loop().unwatch(channel_->event_descriptor());
  socket_.reset();
  if (session_) session_->close(why);
  channel_.reset();
  if (before == Stage::kJoined)
    host_.event(*this, how, why);
  else if (joined_)
    joined_->set_exception(
        std::make_exception_ptr(Error("cannot join " + peer_address_ + ": " + why)));
  host_.closed(*this);
}

}  // namespace thespis::cluster
