#include "runtime/transport/ucx_remote_get.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/clock.hpp"

namespace thespis::transport {
namespace {

constexpr char kLoopback = 'l';
constexpr char kNetwork = 'n';

std::shared_ptr<UcxContext> get_context(const std::string& interface) {
  return std::make_shared<UcxContext>(UcxContext::network(interface, UcxContext::Use::kRemoteGet));
}

// A loopback server is reached from loopback only.
std::string client_interface(const std::string& server_address) {
  if (server_address.empty()) throw Error("the publisher serves no remote reads");
  return server_address.front() == kLoopback ? "lo" : "";
}

struct RemoteKey {
  RemoteKey(ucp_ep_h endpoint, const std::string& packed) {
    check(ucp_ep_rkey_unpack(endpoint, packed.data(), &key), "read a remote key");
  }
  ~RemoteKey() { ucp_rkey_destroy(key); }
  RemoteKey(const RemoteKey&) = delete;
  RemoteKey& operator=(const RemoteKey&) = delete;
  ucp_rkey_h key = nullptr;
};

}  // namespace

UcxGetServer::UcxGetServer(const std::string& host)
    : context_(get_context(host_interface(host))),
      worker_(context_),
      address_((host_interface(host) == "lo" ? kLoopback : kNetwork) + worker_.address()),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  if (!stop_) throw Error(errno_text("cannot make an event descriptor", errno));
  thread_ = std::thread([this] { serve(); });
  pthread_setname_np(thread_.native_handle(), "thespis-get");
}

UcxGetServer::~UcxGetServer() {
  const uint64_t one = 1;
  THESPIS_ASSERT(write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

void UcxGetServer::serve() {
  std::array<pollfd, 2> wait = {
      {{worker_.event_descriptor(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  for (;;) {
    while (worker_.progress() != 0) continue;
    if (!worker_.arm()) continue;
    const int ready = poll(wait.data(), wait.size(), -1);
    THESPIS_ASSERT(ready >= 0 || errno == EINTR);
    if (ready > 0 && wait[1].revents != 0) return;
  }
}

UcxGetServer::Region::Region(UcxGetServer& server, std::span<const uint8_t> bytes)
    : context_(server.context_) {
  ucp_mem_map_params_t params{};
  params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                      UCP_MEM_MAP_PARAM_FIELD_PROT;
  params.address = const_cast<uint8_t*>(bytes.data());  // Registered for reading only.
  params.length = bytes.size();
  params.prot = UCP_MEM_MAP_PROT_LOCAL_READ | UCP_MEM_MAP_PROT_REMOTE_READ;
  check(ucp_mem_map(context_->get(), &params, &memory_), "register memory");
  void* packed = nullptr;
  size_t size = 0;
  check(ucp_rkey_pack(context_->get(), memory_, &packed, &size), "pack a remote key");
  key_.assign(static_cast<const char*>(packed), size);
  ucp_rkey_buffer_release(packed);
}

UcxGetServer::Region::~Region() {
  ucp_mem_unmap(context_->get(), memory_);
}

UcxGetClient::UcxGetClient(const std::string& server_address)
    : worker_(get_context(client_interface(server_address))) {
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(server_address.data() + 1);
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = [](void* self, ucp_ep_h, ucs_status_t status) {
    static_cast<UcxGetClient*>(self)->failure_ = ucs_status_string(status);
  };
  params.err_handler.arg = this;
  check(ucp_ep_create(worker_.get(), &params, &endpoint_), "connect to the publisher");
}

// The worker closes its endpoint.
UcxGetClient::~UcxGetClient() = default;

void UcxGetClient::get(std::span<uint8_t> into, uint64_t remote_address, const std::string& key,
                       uint64_t chunk_bytes, std::chrono::milliseconds deadline) {
  THESPIS_ASSERT(chunk_bytes > 0);
  const RemoteKey remote_key(endpoint_, key);
  for (uint64_t at = 0; at < into.size(); at += chunk_bytes) {
    const uint64_t count = std::min<uint64_t>(chunk_bytes, into.size() - at);
    ucp_request_param_t param{};
    wait(ucp_get_nbx(endpoint_, into.data() + at, count, remote_address + at, remote_key.key,
                     &param),
         deadline);
  }
}

void UcxGetClient::wait(void* request, std::chrono::milliseconds deadline) {
  if (!UCS_PTR_IS_PTR(request)) return check(UCS_PTR_STATUS(request), "get");
  const env::RealClock clock;
  const env::Nanoseconds end = clock.now() + deadline;
  for (;;) {
    while (worker_.progress() != 0) continue;
    const ucs_status_t status = ucp_request_check_status(request);
    if (status != UCS_INPROGRESS) {
      ucp_request_free(request);
      return check(status, "get");
    }
    if (!failure_.empty()) throw Error("UCX: get: " + failure_);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock.now());
    if (left.count() <= 0)
      throw Error("no data within " + std::to_string(deadline.count()) + " ms");
    if (!worker_.arm()) continue;
    pollfd look{worker_.event_descriptor(), POLLIN, 0};
    const int ready = poll(&look, 1, static_cast<int>(left.count()));
    THESPIS_ASSERT(ready >= 0 || errno == EINTR);
  }
}

}  // namespace thespis::transport
