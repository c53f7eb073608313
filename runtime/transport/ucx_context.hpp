#pragma once
// UCX as this house sets it up. Defaults of UCX that are slow or wrong for us are set here, in
// code; what the user set in the environment (UCX_...) stays.

#include <ucp/api/ucp.h>

#include <memory>
#include <string>

namespace thespis::transport {

/// Throws Error with the operation and UCX's reason unless `status` is UCS_OK.
void check(ucs_status_t status, const char* operation);

class UcxContext {
 public:
  enum class Use {
    kMessages,   ///< Active messages with wakeup.
    kRemoteGet,  ///< Reading registered memory of another node.
  };
  /// `transports` and `devices` as UCX_TLS and UCX_NET_DEVICES. `rendezvous_bytes` as
  /// UCX_RNDV_THRESH.
  struct Settings {
    std::string transports;
    std::string devices;
    std::string rendezvous_bytes = "auto";
    Use use = Use::kMessages;
  };
  explicit UcxContext(const Settings& settings);
  ~UcxContext();
  UcxContext(const UcxContext&) = delete;
  UcxContext& operator=(const UcxContext&) = delete;
  ucp_context_h get() const { return context_; }

  /// Shared memory within a host.
  static Settings shared_memory();
  /// The network, by the interface (and InfiniBand cards, where the host has any and it is not
  /// loopback).
  static Settings network(const std::string& interface, Use use);

 private:
  ucp_context_h context_ = nullptr;
};

/// One progress engine; its ports and endpoints live and die with it. Used by one thread at a time.
class UcxWorker {
 public:
  explicit UcxWorker(std::shared_ptr<UcxContext> context);
  ~UcxWorker();
  UcxWorker(const UcxWorker&) = delete;
  UcxWorker& operator=(const UcxWorker&) = delete;
  ucp_worker_h get() const { return worker_; }
  UcxContext& context() const { return *context_; }
  /// What another worker needs to reach this one; opaque.
  std::string address() const;
  unsigned progress() { return ucp_worker_progress(worker_); }
  /// Readable when there may be something to progress after arm().
  int event_descriptor() const;
  /// False: progress first, then ask again.
  bool arm();

 private:
  std::shared_ptr<UcxContext> context_;
  ucp_worker_h worker_ = nullptr;
};

}  // namespace thespis::transport
