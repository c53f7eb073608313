#pragma once
// Sockets of the control connections: RAII descriptors, addresses, non-blocking tcp.

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace thespis::transport {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct HostPort {
  std::string host;
  uint16_t port = 0;
};
/// "HOST:PORT" or "[V6]:PORT"; throws InputError that names what is wrong with it.
HostPort parse_host_port(const std::string& text);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
/// Blocks on the name service; throws Error where the host is unknown.
std::vector<SocketAddress> resolve(const HostPort& at, bool to_listen);

/// Non-blocking; throws Error that names the address.
Fd listen_tcp(const HostPort& at, int backlog);
/// Starts a non-blocking connect. Throws Error where the system refuses at once.
Fd start_connect(const SocketAddress& to);
/// After a started connect became writable: 0, or the errno of its failure.
int connect_result(const Fd& socket);
/// An accepted connection, non-blocking; empty where none waits (any more).
Fd accept_tcp(const Fd& listener);

/// Small records at once, and linear retransmission so that a heartbeat passes soon after an
/// interruption.
void tune_control_socket(const Fd& socket);

/// "host:port" of this end, or of the other; empty where the other end is gone.
std::string local_address(const Fd& socket);
std::string peer_address(const Fd& socket);
/// Name of the network interface that has this end's address, "lo" for loopback; empty where none
/// has.
std::string local_interface(const Fd& socket);
/// The same for a host of this machine.
std::string host_interface(const std::string& host);

/// "what: reason of errno", for errors.
std::string errno_text(const std::string& what, int error);

}  // namespace thespis::transport
