#pragma once
// Reading another node's registered memory by UCX get. Over tcp UCX emulates it, so the owner has
// a thread that serves;
// with RDMA that thread has nothing to do. Either sleeps when idle.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "runtime/transport/socket.hpp"
#include "runtime/transport/ucx_context.hpp"

namespace thespis::transport {

class UcxGetServer {
 public:
  /// Serves on the interface that has `host`'s address.
  explicit UcxGetServer(const std::string& host);
  ~UcxGetServer();
  UcxGetServer(const UcxGetServer&) = delete;
  UcxGetServer& operator=(const UcxGetServer&) = delete;

  /// What a client needs for connecting; opaque.
  const std::string& address() const { return address_; }

  /// Memory that clients may read while this lives. It must stay mapped, with whatever content,
  /// until the server is gone: a late reader is served by address alone.
  class Region {
   public:
    Region(UcxGetServer& server, std::span<const uint8_t> bytes);
    ~Region();
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    const std::string& key() const { return key_; }  ///< Opaque.

   private:
    const std::shared_ptr<UcxContext> context_;
    ucp_mem_h memory_ = nullptr;
    std::string key_;
  };

 private:
  void serve();

  std::shared_ptr<UcxContext> context_;
  UcxWorker worker_;
  std::string address_;
  Fd stop_;
  std::thread thread_;
};

class UcxGetClient {
 public:
  /// Throws Error where UCX finds no way to the server.
  explicit UcxGetClient(const std::string& server_address);
  ~UcxGetClient();
  UcxGetClient(const UcxGetClient&) = delete;
  UcxGetClient& operator=(const UcxGetClient&) = delete;

  /// Reads `into.size()` bytes at `remote_address`, in pieces of `chunk_bytes`. Throws Error when
  /// a piece takes longer than `deadline` or the server is gone; then this client must be destroyed
  /// before `into`.
  void get(std::span<uint8_t> into, uint64_t remote_address, const std::string& key,
           uint64_t chunk_bytes, std::chrono::milliseconds deadline);

 private:
  void wait(void* request, std::chrono::milliseconds deadline);

  UcxWorker worker_;
  ucp_ep_h endpoint_ = nullptr;
  std::string failure_;
};

}  // namespace thespis::transport
