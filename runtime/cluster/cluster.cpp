#include "runtime/cluster/cluster.hpp"

#include "runtime/cluster/node.hpp"

namespace thespis::cluster {

Cluster::Cluster(caf::actor_system& system, const wire::Registry& registry, ClusterOptions options)
    : node_(std::make_unique<Node>(system, registry, std::move(options))) {}

Cluster::~Cluster() = default;

std::string Cluster::address() const {
  return node_->address();
}
void Cluster::set_front(caf::actor front) {
  node_->set_front(std::move(front));
}
void Cluster::set_observer(caf::actor observer) {
  node_->set_observer(std::move(observer));
}
void Cluster::run_on_network_thread(const caf::actor& actor) {
  node_->run_on_network_thread(actor);
}
caf::actor Cluster::join(const std::string& address) {
  return node_->join(address);
}
Cluster::Status Cluster::status() const {
  return node_->status();
}

}  // namespace thespis::cluster
