#include "runtime/cluster/node.hpp"

#include <sys/epoll.h>
#include <caf/send.hpp>

#include <algorithm>
#include <future>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/transport/host_identity.hpp"

namespace thespis::cluster {
namespace {

constexpr uint64_t kListenerKey = 0;
constexpr int kListenBacklog = 128;
// Strangers that may be in the handshake at a time; more are turned away.
constexpr size_t kHandshakesMax = 64;
// Receive buffers kept for reuse.
constexpr uint64_t kPoolBytesMax = uint64_t{256} << 20;
// A node that leaves waits so long for its peers to have received everything.
constexpr env::Nanoseconds kLeaveDeadline = std::chrono::seconds(2);
// A late timer by more than this means that this process did not run.
constexpr env::Nanoseconds kPauseMin = std::chrono::milliseconds(500);

ClusterOptions checked(ClusterOptions options) {
  if (options.secret.size() < ClusterOptions::kSecretBytesMin)
    throw InputError("the cluster's secret has " + std::to_string(options.secret.size()) +
                     " bytes; it needs at least " +
                     std::to_string(ClusterOptions::kSecretBytesMin));
  if (options.heartbeat_interval.count() <= 0 ||
      options.suspect_after <= options.heartbeat_interval ||
      options.lost_after < options.suspect_after)
    throw InputError("cluster: heartbeat_interval < suspect_after <= lost_after must hold");
  if (options.queue_bytes == 0 || options.frame_bytes_max == 0)
    throw InputError("cluster: queue_bytes and frame_bytes_max must be positive");
  return options;
}

}  // namespace

Node::Node(caf::actor_system& system, const wire::Registry& registry, ClusterOptions options)
    : options_(checked(std::move(options))),
      memory_domain_(transport::memory_domain()),
      loop_(*this),
      outbox_(std::make_shared<Outbox>([this] { loop_.wake(); })),
      unit_(system),
      shared_{system,
              registry,
              outbox_,
              unit_,
              {options_.queue_bytes, options_.frame_bytes_max, options_.pending_requests_max}},
      pool_(std::make_shared<transport::BufferPool>(kPoolBytesMax)),
      listener_(transport::listen_tcp(transport::parse_host_port(options_.listen), kListenBacklog)),
      address_(transport::local_address(listener_)) {
  loop_.watch(listener_.get(), kListenerKey, EPOLLIN);
  loop_.start();
}

Node::~Node() {
  outbox_->push([this] { begin_leaving(transport::EventLoop::now()); });
  loop_.join();
}

void Node::on_start() {
  outbox_->adopt_thread();
}

void Node::run_there(const std::function<void()>& task) {
  if (outbox_->on_network_thread()) return task();
  std::promise<void> done;
  const bool taken = outbox_->push([&] {
    task();
    done.set_value();
  });
  THESPIS_ASSERT(taken);
  done.get_future().get();
}

void Node::set_front(caf::actor front) {
  run_there([&] { front_ = std::move(front); });
}

void Node::set_observer(caf::actor observer) {
  run_there([&] { observer_ = std::move(observer); });
}

void Node::run_on_network_thread(caf::actor actor) {
  run_there([&] { unit_.choose(actor); });
}

caf::actor Node::join(const std::string& address) {
  THESPIS_ASSERT(!outbox_->on_network_thread());
  const transport::HostPort at = transport::parse_host_port(address);
  if (at.port == 0) throw InputError("address \"" + address + "\": port 0 cannot be joined");
  std::exception_ptr failure;
  for (const transport::SocketAddress& to : transport::resolve(at, false)) {
    auto joined = std::make_shared<Connection::Joined>();
    auto front = joined->get_future();
    if (!outbox_->push([this, to, address, joined] { dial(to, address, joined); }))
      throw Error("cannot join " + address + ": this node has left the cluster");
    try {
      return front.get();
    } catch (const Error&) {
      failure = std::current_exception();  // A host may have further addresses.
    }
  }
  THESPIS_ASSERT(failure);
  std::rethrow_exception(failure);
}

void Node::dial(const transport::SocketAddress& to, const std::string& dialled,
                std::shared_ptr<Connection::Joined> joined) {
  try {
    if (connections_.size() >= options_.peers_max)
      throw Error("this node has " + std::to_string(options_.peers_max) + " connections already");
    if (leaving_) throw Error("this node leaves the cluster");
    const uint64_t key = std::exchange(next_key_, next_key_ + 2);
    connections_.emplace(key, std::make_unique<Connection>(*this, key, transport::start_connect(to),
                                                           dialled, joined));
    loop_.hasten();
  } catch (const Error& e) {
    joined->set_exception(
        std::make_exception_ptr(Error("cannot join " + dialled + ": " + e.what())));
  }
}

void Node::accept_all() {
  while (transport::Fd socket = transport::accept_tcp(listener_)) {
    const auto strangers = std::ranges::count_if(
        connections_, [](const auto& c) { return !c.second->authenticated(); });
    if (static_cast<size_t>(strangers) >= kHandshakesMax ||
        connections_.size() >= options_.peers_max || leaving_) {
      ++refused_;
      continue;
    }
    const uint64_t key = std::exchange(next_key_, next_key_ + 2);
    connections_.emplace(key, std::make_unique<Connection>(*this, key, std::move(socket)));
    loop_.hasten();
  }
}

void Node::on_descriptor(uint64_t key, uint32_t epoll_events) {
  if (key == kListenerKey) return accept_all();
  const auto found = connections_.find(key & ~uint64_t{1});
  if (found == connections_.end()) return;  // Closed and reaped within this look.
  if (key % 2 == 0)
    found->second->on_control_ready(epoll_events);
  else
    found->second->activate();
}

void Node::drain_outbox() {
  if (outbox_->empty()) return;
  for (Outbox::Item& item : outbox_->take()) {
    if (item.session)
      item.session->send(std::move(item.outgoing));
    else
      item.task();
  }
}

bool Node::turn(env::Nanoseconds now) {
  drain_outbox();
  // Turns may activate others: those are appended and get their turn too.
  for (size_t i = 0; i < active_.size(); ++i) {
    Connection* connection = active_[i];
    if (connection->turn(now)) continue;
    connection->active = false;
    active_[i] = active_.back();
    active_.pop_back();
    --i;
  }
  unit_.run();
  reap();
  if (leaving_ && (connections_.empty() || now > leave_until_) && outbox_->empty()) {
    for (auto& [key, connection] : connections_)
      connection->close(wire::PeerEvent::Kind::LEFT, "this node left");
    reap();
    for (Outbox::Item& item : outbox_->close()) {
      if (item.session)
        item.session->send(std::move(item.outgoing));
      else
        item.task();
    }
    unit_.clear();
    finished_ = true;
    return true;
  }
  return !active_.empty() || has_work();
}

bool Node::has_work() const {
  return !outbox_->empty() || !unit_.idle();
}

env::Nanoseconds Node::on_time(env::Nanoseconds now) {
  const bool was_due = tick_due_.count() > 0 && now > tick_due_ + kPauseMin;
  const env::Nanoseconds pause = was_due ? now - tick_due_ : env::Nanoseconds{0};
  for (auto& [key, connection] : connections_) connection->on_time(now, pause);
  reap();
  if (connections_.empty() && !leaving_) {
    tick_due_ = env::Nanoseconds{0};
    return now + std::chrono::hours(1);
  }
  tick_due_ = now + options_.heartbeat_interval / 2;
  return tick_due_;
}

void Node::begin_leaving(env::Nanoseconds now) {
  leaving_ = true;
  leave_until_ = now + kLeaveDeadline;
  loop_.unwatch(listener_.get());
  listener_.reset();
  front_ = nullptr;
  observer_ = nullptr;
  for (auto& [key, connection] : connections_) connection->begin_leaving();
}

void Node::reap() {
  for (const uint64_t key : std::exchange(closed_, {})) {
    const auto found = connections_.find(key);
    std::erase(active_, found->second.get());
    connections_.erase(found);
  }
}

void Node::activate(Connection& connection) {
  if (std::exchange(connection.active, true)) return;
  active_.push_back(&connection);
}

void Node::closed(Connection& connection) {
  if (!connection.authenticated() && !connection.dialled()) ++refused_;
  closed_.push_back(connection.key());
}

std::unique_ptr<transport::UcxChannel> Node::make_channel(bool shared_memory,
                                                          const transport::Fd& socket,
                                                          uint64_t token) {
  const std::string interface = shared_memory ? "" : transport::local_interface(socket);
  const std::string name = shared_memory ? "shared memory" : "network " + interface;
  auto& context = contexts_[name];
  if (!context) {
    context = std::make_shared<transport::UcxContext>(
        shared_memory
            ? transport::UcxContext::shared_memory()
            : transport::UcxContext::network(interface, transport::UcxContext::Use::kMessages));
  }
  return std::make_unique<transport::UcxChannel>(
      context, pool_, token,
      transport::UcxChannel::Limits{.frame_bytes_max = options_.frame_bytes_max});
}

void Node::event(const Connection& connection, wire::PeerEvent::Kind kind,
                 const std::string& detail) {
  if (!observer_) return;
  caf::anon_send(observer_,
                 wire::Message<wire::PeerEvent>::build([&](wire::PeerEvent::Builder out) {
                   out.setAddress(connection.peer_address());
                   out.setName(connection.peer_name());
                   out.setKind(kind);
                   out.setDetail(detail);
                 }));
}

Cluster::Status Node::status() {
  Cluster::Status status;
  run_there([&] {
    status.refused_connections = refused_;
    for (const auto& [key, connection] : connections_) {
      if (!connection->joined()) continue;
      ++status.peers;
      if (connection->suspected()) ++status.peers_suspected;
      status.queued_bytes += connection->session()->queued_bytes();
      status.pending_requests += connection->session()->pending_requests();
      status.messages_sent += connection->channel()->sent_count();
      status.messages_received += connection->channel()->received_count();
      status.bytes_sent += connection->session()->bytes_sent();
      status.bytes_received += connection->session()->bytes_received();
    }
  });
  return status;
}

}  // namespace thespis::cluster
