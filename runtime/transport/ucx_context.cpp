#include "runtime/transport/ucx_context.hpp"

#include <ucs/config/global_opts.h>
#include <ucs/debug/debug.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::transport {
namespace {

bool user_set(const std::string& name) {
  return std::getenv(("UCX_" + name).c_str()) != nullptr;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitizerReports = true;
#else
constexpr bool kSanitizerReports = false;
#endif

// UCX's signal handlers, which it has installed when it was loaded, say where a process crashes.
// They would print over a sanitizer's report; and none may wait for a debugger. What UCX logs of a
// lost peer is expected here and reported by whoever lost it.
void set_process_options() {
  if (!user_set("LOG_LEVEL"))
    check(ucs_global_opts_set_value("LOG_LEVEL", "fatal"), "set UCX_LOG_LEVEL");
  if (user_set("HANDLE_ERRORS")) return;
  if (kSanitizerReports)
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ucs_debug_disable_signal(signal);
  check(ucs_global_opts_set_value("HANDLE_ERRORS", kSanitizerReports ? "none" : "bt"),
        "set UCX_HANDLE_ERRORS");
}

class Config {
 public:
  Config() { check(ucp_config_read(nullptr, nullptr, &config_), "read the configuration"); }
  ~Config() { ucp_config_release(config_); }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  void set(const char* name, const std::string& value) {
    if (user_set(name)) return;
    check(ucp_config_modify(config_, name, value.c_str()), name);
  }
  const ucp_config_t* get() const { return config_; }

 private:
  ucp_config_t* config_ = nullptr;
};

}  // namespace

void check(ucs_status_t status, const char* operation) {
  if (status != UCS_OK)
    throw Error(std::string("UCX: ") + operation + ": " + ucs_status_string(status));
}

UcxContext::Settings UcxContext::shared_memory() {
  return {
      .transports = "posix,cma", .devices = {}, .rendezvous_bytes = "auto", .use = Use::kMessages};
}

UcxContext::Settings UcxContext::network(const std::string& interface, Use use) {
  Settings settings;
  settings.use = use;
  settings.devices = interface.empty() ? "all" : interface;
  settings.transports = "tcp";
  // Eager over tcp beats rendezvous, with its round trip, up to here.
  settings.rendezvous_bytes = "256K";
  if (interface == "lo") return settings;
  std::error_code none;
  for (const auto& card : std::filesystem::directory_iterator("/sys/class/infiniband", none)) {
    if (!interface.empty()) settings.devices += "," + card.path().filename().string() + ":1";
    settings.transports = "tcp,rc,dc,ud";
    settings.rendezvous_bytes = "auto";
  }
  return settings;
}

UcxContext::UcxContext(const Settings& settings) {
  set_process_options();
  Config config;
  config.set("TLS", settings.transports);
  if (!settings.devices.empty()) config.set("NET_DEVICES", settings.devices);
  config.set("RNDV_THRESH", settings.rendezvous_bytes);
  // Silence is judged by our heartbeats; UCX must not give a link up before them.
  config.set("KEEPALIVE_INTERVAL", "inf");
  config.set("TCP_KEEPIDLE", "inf");
  ucp_params_t params{};
  params.field_mask =
      UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME | UCP_PARAM_FIELD_MT_WORKERS_SHARED;
  // Memory is registered while another thread serves gets.
  params.mt_workers_shared = settings.use == Use::kRemoteGet ? 1 : 0;
  params.features =
      UCP_FEATURE_WAKEUP | (settings.use == Use::kMessages ? UCP_FEATURE_AM : UCP_FEATURE_RMA);
  params.name = "thespis";
  check(ucp_init(&params, config.get(), &context_), "start");
}

UcxContext::~UcxContext() {
  ucp_cleanup(context_);
}

UcxWorker::UcxWorker(std::shared_ptr<UcxContext> context) : context_(std::move(context)) {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SINGLE;
  check(ucp_worker_create(context_->get(), &params, &worker_), "make a worker");
}

UcxWorker::~UcxWorker() {
  ucp_worker_destroy(worker_);
}

std::string UcxWorker::address() const {
  ucp_address_t* address = nullptr;
  size_t size = 0;
  check(ucp_worker_get_address(worker_, &address, &size), "read a worker's address");
  std::string bytes(reinterpret_cast<const char*>(address), size);
  ucp_worker_release_address(worker_, address);
  return bytes;
}

int UcxWorker::event_descriptor() const {
  int fd = -1;
  check(ucp_worker_get_efd(worker_, &fd), "read a worker's event descriptor");
  return fd;
}

bool UcxWorker::arm() {
  const ucs_status_t status = ucp_worker_arm(worker_);
  if (status == UCS_ERR_BUSY) return false;
  check(status, "arm a worker");
  return true;
}

}  // namespace thespis::transport
