#pragma once
// The network side of a Cluster: listener, connections and the thread that serves them.

#include <caf/actor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/cluster/connection.hpp"
#include "runtime/cluster/network_unit.hpp"
#include "runtime/cluster/outbox.hpp"
#include "runtime/transport/buffer_pool.hpp"
#include "runtime/transport/event_loop.hpp"
#include "runtime/transport/ucx_context.hpp"

namespace thespis::cluster {

class Node final : public transport::EventLoop::Client, public Connection::Host {
 public:
  Node(caf::actor_system& system, const wire::Registry& registry, ClusterOptions options);
  ~Node() override;

  // From any thread but the network's own.
  void set_front(caf::actor front);
  void set_observer(caf::actor observer);
  void run_on_network_thread(caf::actor actor);
  caf::actor join(const std::string& address);
  Cluster::Status status();
  std::string address() const override { return address_; }

 private:
  // The loop's client.
  void on_start() override;
  bool turn(env::Nanoseconds now) override;
  bool has_work() const override;
  env::Nanoseconds on_time(env::Nanoseconds now) override;
  void on_descriptor(uint64_t key, uint32_t epoll_events) override;
  bool finished() const override { return finished_; }

  // The connections' host.
  const ClusterOptions& options() const override { return options_; }
  const Session::Shared& shared() const override { return shared_; }
  transport::EventLoop& loop() override { return loop_; }
  uint64_t memory_domain() const override { return memory_domain_; }
  caf::actor front() const override { return front_; }
  std::unique_ptr<transport::UcxChannel> make_channel(bool shared_memory,
                                                      const transport::Fd& socket,
                                                      uint64_t token) override;
  void activate(Connection& connection) override;
  void closed(Connection& connection) override;
  void event(const Connection& connection, wire::PeerEvent::Kind kind,
             const std::string& detail) override;

  /// Runs a task on the network thread and waits for it.
  void run_there(const std::function<void()>& task);
  void accept_all();
  void dial(const transport::SocketAddress& to, const std::string& dialled,
            std::shared_ptr<Connection::Joined> joined);
  void begin_leaving(env::Nanoseconds now);
  void reap();
  void drain_outbox();

  const ClusterOptions options_;
  const uint64_t memory_domain_;
  transport::EventLoop loop_;
  std::shared_ptr<Outbox> outbox_;
  NetworkUnit unit_;
  Session::Shared shared_;
  std::shared_ptr<transport::BufferPool> pool_;
  transport::Fd listener_;
  std::string address_;
  caf::actor front_;
  caf::actor observer_;
  std::map<std::string, std::shared_ptr<transport::UcxContext>> contexts_;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> active_;
  std::vector<uint64_t> closed_;
  uint64_t next_key_ = 2;  // Even: a control connection; odd: its channel. 0: the listener.
  uint64_t refused_ = 0;
  env::Nanoseconds tick_due_{0};  // 0: nobody to tick for.
  bool leaving_ = false;
  bool finished_ = false;
  env::Nanoseconds leave_until_{0};
};

}  // namespace thespis::cluster
