// The control records of a Connection: introduction, heartbeats, leave.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <sys/epoll.h>
#include <caf/actor_cast.hpp>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/connection.hpp"
#include "runtime/env/random.hpp"

namespace thespis::cluster {
namespace {

// Control records wait here while the peer's socket is full; heartbeats are skipped beyond it.
constexpr size_t kControlOutputBytesMax = size_t{256} << 10;
constexpr size_t kNameBytesMax = 256;

uint64_t random_token() {
  uint64_t token = 0;
  env::fill_secret(reinterpret_cast<uint8_t*>(&token), sizeof token);
  return token;
}

// A node that listens everywhere is called by the address it connected from.
std::string reachable(const std::string& listens_at, const transport::Fd& socket) {
  const size_t colon = listens_at.rfind(':');
  const std::string host = listens_at.substr(0, colon);
  if (colon == std::string::npos || (host != "0.0.0.0" && host != "[::]")) return listens_at;
  const std::string from = transport::peer_address(socket);
  return from.substr(0, from.rfind(':')) + listens_at.substr(colon);
}

}  // namespace

void Connection::send_control(capnp::MessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  for (uint8_t byte : records_->seal({bytes.begin(), bytes.size()})) output_.push_back(byte);
  write_control();
}

void Connection::on_record(std::vector<uint8_t> record) {
  const auto control = wire::Message<wire::Control>::adopt(wire::Frame::copy(record));
  const auto view = control.read();
  const bool introduces = view->isOffer() || view->isAnswer() || view->isReady();
  if (introduces == joined()) throw Error("it sent a control record out of turn");
  heard(transport::EventLoop::now());
  switch (view->which()) {
    case wire::Control::OFFER:
      return on_offer(view->getOffer());
    case wire::Control::ANSWER:
      return on_answer(view->getAnswer());
    case wire::Control::READY:
      return on_ready(view->getReady());
    case wire::Control::HEARTBEAT: {
      const uint64_t received = view->getHeartbeat().getReceived();
      if (received != peer_received_) peer_progress_at_ = heard_at_;
      peer_received_ = received;
      return;
    }
    case wire::Control::LEAVE:
      peer_leaves_after_ = view->getLeave().getSent();
      return activate();
  }
  throw Error("it sent a control record of unknown kind");
}

void Connection::send_offer() {
  capnp::MallocMessageBuilder message;
  auto offer = message.initRoot<wire::Control>().initOffer();
  offer.setName(host_.options().name);
  offer.setAddress(host_.address());
  offer.setMemoryDomain(host_.memory_domain());
  offer.setPath(static_cast<wire::Offer::Path>(host_.options().path));
  send_control(message);
}

void Connection::on_offer(wire::Offer::Reader offer) {
  if (dialled_ || stage_ != Stage::kIntroduction || channel_)
    throw Error("it sent an offer out of turn");
  if (offer.getName().size() > kNameBytesMax || offer.getAddress().size() > kNameBytesMax)
    throw Error("it sent a name that is too long");
  peer_name_ = offer.getName();
  peer_address_ = reachable(offer.getAddress(), socket_);
  const bool one_memory = offer.getMemoryDomain() == host_.memory_domain();
  const auto wants = [&](wire::Offer::Path path) {
    return offer.getPath() == path || static_cast<wire::Offer::Path>(host_.options().path) == path;
  };
  std::string refusal;
  if (!host_.front()) refusal = "it takes no members yet";
  if (wants(wire::Offer::Path::SHARED_MEMORY) && !one_memory)
    refusal = "shared memory is demanded, but the two processes cannot share it";
  if (wants(wire::Offer::Path::SHARED_MEMORY) && wants(wire::Offer::Path::TCP))
    refusal = "one node demands shared memory, the other tcp";

  capnp::MallocMessageBuilder message;
  auto answer = message.initRoot<wire::Control>().initAnswer();
  if (!refusal.empty()) {
    answer.setRefusal(refusal);
    send_control(message);
    throw Error(refusal);
  }
  open_channel(one_memory && !wants(wire::Offer::Path::TCP));
  answer.setName(host_.options().name);
  answer.setAddress(host_.address());
  answer.setSharedMemory(shared_memory_);
  answer.setFront(session_->export_actor(caf::actor_cast<caf::strong_actor_ptr>(host_.front())));
  const std::string address = channel_->address();
  auto channel = answer.initChannel();
  channel.setWorkerAddress({reinterpret_cast<const uint8_t*>(address.data()), address.size()});
  channel.setToken(own_token_);
  send_control(message);
}

void Connection::on_answer(wire::Answer::Reader answer) {
  if (!dialled_ || stage_ != Stage::kIntroduction) throw Error("it sent an answer out of turn");
  if (answer.getRefusal().size() > 0) throw Error(answer.getRefusal().cStr());
  if (answer.getName().size() > kNameBytesMax) throw Error("it sent a name that is too long");
  // Its address is the one that was dialled.
  peer_name_ = answer.getName();
  open_channel(answer.getSharedMemory());
  connect_channel(answer.getChannel());
  const std::string address = channel_->address();
  capnp::MallocMessageBuilder message;
  auto channel = message.initRoot<wire::Control>().initReady().initChannel();
  channel.setWorkerAddress({reinterpret_cast<const uint8_t*>(address.data()), address.size()});
  channel.setToken(own_token_);
  send_control(message);
  const auto front = session_->proxy(answer.getFront());
  if (!front) throw Error("it named no front");
  enter();
  joined_->set_value(caf::actor_cast<caf::actor>(front));
}

void Connection::on_ready(wire::Ready::Reader ready) {
  if (dialled_ || stage_ != Stage::kIntroduction || !channel_)
    throw Error("it sent a ready out of turn");
  connect_channel(ready.getChannel());
  enter();
}

void Connection::open_channel(bool shared_memory) {
  shared_memory_ = shared_memory;
  own_token_ = random_token();
  channel_ = host_.make_channel(shared_memory, socket_, own_token_);
  session_ = std::make_shared<Session>(host_.shared(), *channel_, *this, peer_label());
}

void Connection::connect_channel(wire::Channel::Reader peer) {
  const auto address = peer.getWorkerAddress();
  channel_->connect({reinterpret_cast<const char*>(address.begin()), address.size()},
                    peer.getToken());
}

void Connection::enter() {
  stage_ = Stage::kJoined;
  heard_at_ = beat_at_ = peer_progress_at_ = transport::EventLoop::now();
  host_.loop().watch(channel_->event_descriptor(), channel_key(key_), EPOLLIN);
  activate();
  host_.event(*this, wire::PeerEvent::Kind::JOINED, shared_memory_ ? "shared memory" : "network");
}

void Connection::send_heartbeat() {
  if (output_.size() > kControlOutputBytesMax) return;
  capnp::MallocMessageBuilder message;
  auto beat = message.initRoot<wire::Control>().initHeartbeat();
  beat.setSent(channel_->sent_count());
  beat.setReceived(channel_->received_count());
  send_control(message);
}

void Connection::send_leave() {
  leave_sent_ = true;
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Control>().initLeave().setSent(channel_->sent_count());
  send_control(message);
}

}  // namespace thespis::cluster
