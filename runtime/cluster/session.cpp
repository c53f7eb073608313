#include "runtime/cluster/session.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/error_text.hpp"
#include "runtime/cluster/remote_actor.hpp"
#include "runtime/env/random.hpp"

namespace thespis::cluster {
namespace {

using transport::FrameKind;

// Answers and one-way messages cannot be refused, so they may use a second quota; after that the
// peer is given up.
constexpr uint64_t kUnrefusableQuota = 2;

caf::node_id random_node_id() {
  caf::node_id::default_data::host_id_type bytes;
  env::fill_secret(bytes.data(), bytes.size());
  return caf::node_id{caf::make_counted<caf::node_id::default_data>(1, bytes)};
}

void answer_with(const caf::error& error, const caf::strong_actor_ptr& to,
                 caf::message_id request) {
  if (to) to->enqueue(nullptr, request.response_id(), caf::make_message(error), nullptr);
}

}  // namespace

Session::Session(const Shared& shared, transport::FrameChannel& channel, Owner& owner,
                 std::string peer)
    : shared_(shared),
      channel_(&channel),
      owner_(&owner),
      peer_(std::move(peer)),
      node_id_(random_node_id()) {}

caf::error Session::encode(caf::mailbox_element& what, Outgoing& out) const {
  const caf::type_erased_tuple& content = what.content();
  if (what.mid.is_response() && content.size() == 0) {
    out.kind = FrameKind::kNothing;
  } else if (what.mid.is_response() && content.match_elements<caf::error>()) {
    out.kind = FrameKind::kError;
    out.frame = error_to_frame(content.get_as<caf::error>(0));
  } else if (content.match_elements<caf::exit_msg>()) {
    const auto& exit = content.get_as<caf::exit_msg>(0);
    out.kind = FrameKind::kExit;
    out.frame = error_to_frame(exit.reason);
    if (auto source = caf::actor_cast<caf::strong_actor_ptr>(exit.source)) out.sender = source;
  } else if (auto encoded = shared_.registry.to_frame(content)) {
    out.type_id = encoded->type_id;
    out.frame = std::move(encoded->frame);
  } else {
    return caf::make_error(caf::sec::unexpected_message,
                           "no message of schemas/: " + what.content().stringify());
  }
  return {};
}

Session::Admission Session::admit(uint64_t cost_bytes, bool refusable) {
  if (cost_bytes - sizeof(transport::FrameHeader) > shared_.limits.frame_bytes_max)
    return Admission::kTooLarge;
  const uint64_t limit = shared_.limits.queue_bytes * (refusable ? 1 : kUnrefusableQuota);
  const uint64_t before = queued_bytes_.fetch_add(cost_bytes);
  if (before == 0 || before + cost_bytes <= limit) return Admission::kAdmitted;
  queued_bytes_.fetch_sub(cost_bytes);
  return Admission::kFull;
}

caf::error Session::submit(uint64_t remote_id, caf::mailbox_element& what) {
  if (closed_.load()) return caf::make_error(caf::sec::request_receiver_down, peer_ + " is gone");
  const bool request = what.mid.is_request();
  Outgoing out{.to = remote_id, .message = what.mid, .sender = what.sender, .frame = {}};
  if (caf::error unknown = encode(what, out)) return unknown;  // A request's sender hears of it.
  Admission admission = admit(transport::FrameChannel::cost_bytes(out.frame), request);
  if (admission == Admission::kTooLarge) {
    caf::error error = caf::make_error(caf::sec::invalid_argument,
                                       "a message of " + std::to_string(out.frame.size_bytes()) +
                                           " bytes to " + peer_ + "; the limit is " +
                                           std::to_string(shared_.limits.frame_bytes_max));
    if (request) return error;
    if (what.mid.is_response()) {
      out.kind = FrameKind::kError;
      out.frame = error_to_frame(error);
      admission = admit(transport::FrameChannel::cost_bytes(out.frame), false);
    }
  }
  if (admission != Admission::kAdmitted && !request) {
    overflowed_.store(true);
    shared_.outbox->push([self = shared_from_this()] {
      if (self->owner_ != nullptr) self->owner_->activate();
    });
    return {};
  }
  if (admission == Admission::kFull ||
      (request && pending_count_.fetch_add(1) >= shared_.limits.pending_requests_max)) {
    if (admission == Admission::kAdmitted) {
      pending_count_.fetch_sub(1);
      sent(transport::FrameChannel::cost_bytes(out.frame));
    }
    return caf::make_error(caf::sec::unavailable_or_would_block,
                           "too much is under way to " + peer_ + " already");
  }
  // A frame may not overtake those that its actor left in the outbox before.
  if (shared_.outbox->on_network_thread() && shared_.outbox->empty())
    send(std::move(out));
  else if (!shared_.outbox->push({shared_from_this(), std::move(out), {}}))
    return caf::make_error(caf::sec::request_receiver_down, "this node has left the cluster");
  return {};
}

void Session::send(Outgoing outgoing) {
  const bool request = outgoing.message.is_request();
  if (channel_ == nullptr) {
    if (request)
      answer_with(caf::make_error(caf::sec::request_receiver_down, peer_ + " is gone"),
                  outgoing.sender, outgoing.message);
    return;
  }
  transport::FrameHeader header;
  header.kind = outgoing.kind;
  header.type_id = outgoing.type_id;
  header.to = outgoing.to;
  header.from = outgoing.sender ? export_actor(outgoing.sender) : 0;
  header.message = outgoing.message.integer_value();
  if (request) {
    // The peer sees our call number: message ids of different actors may be equal.
    const uint64_t call = next_call_++;
    header.message = (header.message & ~caf::message_id::request_id_mask) | call;
    pending_.emplace(call, Pending{std::move(outgoing.sender), outgoing.message});
  }
  bytes_sent_ += outgoing.frame.size_bytes();
  channel_->send(header, std::move(outgoing.frame));
  owner_->activate();
}

uint64_t Session::export_actor(const caf::strong_actor_ptr& actor) {
  const auto found = export_ids_.find(actor.get());
  if (found != export_ids_.end()) return found->second;
  const uint64_t id = next_export_++;
  exports_.emplace(id, actor);
  export_ids_.emplace(actor.get(), id);
  // The actor holds this functor and the session holds the actor: a weak reference, or neither
  // would ever go.
  actor->get()->attach_functor([weak = weak_from_this(), id](const caf::error& reason) {
    const auto self = weak.lock();
    if (!self || self->closed_.load()) return;
    Outgoing down;
    down.to = id;
    down.kind = FrameKind::kDown;
    down.frame = error_to_frame(reason);
    self->queued_bytes_.fetch_add(transport::FrameChannel::cost_bytes(down.frame));
    // The actor's last messages may still be in the outbox: this goes after them.
    self->shared_.outbox->push({self, std::move(down), {}});
    self->shared_.outbox->push([self, id] { self->actor_ended(id); });
  });
  return id;
}

void Session::actor_ended(uint64_t export_id) {
  const auto found = exports_.find(export_id);
  if (found == exports_.end()) return;
  export_ids_.erase(found->second.get());
  exports_.erase(found);
}

caf::strong_actor_ptr Session::proxy(uint64_t remote_id) {
  if (remote_id == 0) return nullptr;
  const auto found = proxies_.find(remote_id);
  if (found != proxies_.end()) return found->second;
  caf::actor_config config;
  auto made = caf::make_actor<RemoteActor, caf::strong_actor_ptr>(
      remote_id, node_id_, &shared_.system, config, shared_from_this(), remote_id);
  proxies_.emplace(remote_id, made);
  return made;
}

void Session::deliver(const caf::strong_actor_ptr& to, caf::strong_actor_ptr from,
                      caf::message_id id, caf::message content) {
  to->enqueue(std::move(from), id, std::move(content), shared_.unit.context_for(to->get()));
}

void Session::receive(transport::ReceivedFrame received) {
  if (channel_ == nullptr) return;
  bytes_received_ += received.frame.size_bytes();
  const transport::FrameHeader& header = received.header;
  const caf::message_id id(header.message);
  switch (header.kind) {
    case FrameKind::kMessage:
    case FrameKind::kError:
    case FrameKind::kNothing:
    case FrameKind::kExit:
      if (id.is_stream_message()) throw Error("it sent a stream message");
      if (id.is_response()) return receive_response(std::move(received), id);
      return receive_for_export(std::move(received), id);
    case FrameKind::kDown: {
      const auto found = proxies_.find(header.to);
      if (found == proxies_.end()) return;  // It ended before anybody here saw it.
      const caf::strong_actor_ptr ended = std::move(found->second);
      proxies_.erase(found);
      auto* remote = static_cast<RemoteActor*>(ended->get());
      remote->kill_proxy(nullptr, error_from_frame(std::move(received.frame)));
      return;
    }
  }
  throw Error("it sent a frame of unknown kind " +
              std::to_string(static_cast<uint64_t>(header.kind)));
}

void Session::receive_response(transport::ReceivedFrame received, caf::message_id id) {
  const auto found = pending_.find(id.request_id().integer_value());
  if (found == pending_.end()) return;  // An actor may answer twice; the first one counted.
  const Pending request = std::move(found->second);
  pending_.erase(found);
  pending_count_.fetch_sub(1);
  caf::message content;
  if (received.header.kind == FrameKind::kMessage)
    content = shared_.registry.to_message(received.header.type_id, std::move(received.frame));
  else if (received.header.kind == FrameKind::kError)
    content = caf::make_message(error_from_frame(std::move(received.frame)));
  if (request.sender)
    deliver(request.sender, proxy(received.header.from), request.message.response_id(),
            std::move(content));
}

void Session::receive_for_export(transport::ReceivedFrame received, caf::message_id id) {
  const auto found = exports_.find(received.header.to);
  auto from = proxy(received.header.from);
  if (found == exports_.end()) {
    if (!id.is_request()) return;
    caf::error gone = caf::make_error(caf::sec::request_receiver_down, "the actor has ended");
    Outgoing answer{.to = received.header.from,
                    .message = id.response_id(),
                    .sender = nullptr,
                    .kind = FrameKind::kError,
                    .frame = error_to_frame(gone)};
    queued_bytes_.fetch_add(transport::FrameChannel::cost_bytes(answer.frame));
    return send(std::move(answer));
  }
  const caf::strong_actor_ptr to = found->second;
  if (received.header.kind == FrameKind::kMessage) {
    deliver(to, std::move(from), id,
            shared_.registry.to_message(received.header.type_id, std::move(received.frame)));
  } else if (received.header.kind == FrameKind::kExit) {
    caf::exit_msg exit{from ? from->address() : caf::actor_addr{},
                       error_from_frame(std::move(received.frame))};
    deliver(to, nullptr, caf::make_message_id(caf::message_priority::high),
            caf::make_message(std::move(exit)));
  } else {
    throw Error("it sent an answer where no request can be");
  }
}

std::string Session::overflow() const {
  if (!overflowed_.load()) return {};
  return "it does not take its messages: more than " +
         std::to_string(kUnrefusableQuota * shared_.limits.queue_bytes) +
         " bytes wait, or one is too large";
}

void Session::close(const std::string& why) {
  if (closed_.exchange(true)) return;
  channel_ = nullptr;
  owner_ = nullptr;
  const auto error = caf::make_error(caf::sec::request_receiver_down, peer_ + ": " + why);
  for (auto& [call, request] : std::exchange(pending_, {}))
    if (request.sender)
      deliver(request.sender, nullptr, request.message.response_id(), caf::make_message(error));
  for (auto& [id, proxy] : std::exchange(proxies_, {}))
    static_cast<RemoteActor*>(proxy->get())
        ->kill_proxy(nullptr, caf::exit_reason::remote_link_unreachable);
  exports_.clear();
  export_ids_.clear();
}

}  // namespace thespis::cluster
