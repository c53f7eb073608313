#include "runtime/transport/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::transport {
namespace {

std::string address_text(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
  return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6->sin6_port));
}

bool same_host(const sockaddr* a, const sockaddr_storage& b) {
  if (a == nullptr || a->sa_family != b.ss_family) return false;
  if (a->sa_family == AF_INET)
    return std::memcmp(&reinterpret_cast<const sockaddr_in*>(a)->sin_addr,
                       &reinterpret_cast<const sockaddr_in*>(&b)->sin_addr, sizeof(in_addr)) == 0;
  if (a->sa_family == AF_INET6)
    return std::memcmp(&reinterpret_cast<const sockaddr_in6*>(a)->sin6_addr,
                       &reinterpret_cast<const sockaddr_in6*>(&b)->sin6_addr,
                       sizeof(in6_addr)) == 0;
  return false;
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(&address)->sin_addr.s_addr) >> 24) == 127;
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr) != 0;
}

std::string interface_with(const sockaddr_storage& address) {
  if (is_loopback(address)) return "lo";
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) throw Error(errno_text("cannot list network interfaces", errno));
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(found, freeifaddrs);
  for (const ifaddrs* i = found; i != nullptr; i = i->ifa_next)
    if (same_host(i->ifa_addr, address)) return i->ifa_name;
  return {};
}

void set_option(const Fd& socket, int level, int option, const char* name) {
  const int on = 1;
  if (setsockopt(socket.get(), level, option, &on, sizeof on) != 0)
    throw Error(errno_text(std::string("cannot set ") + name + " on a socket", errno));
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  // EINTR leaves the descriptor closed on Linux; anything else means that it was not ours.
  if (fd_ >= 0) THESPIS_ASSERT(close(fd_) == 0 || errno != EBADF);
  fd_ = -1;
}

std::string errno_text(const std::string& what, int error) {
  return what + ": " + std::generic_category().message(error);
}

HostPort parse_host_port(const std::string& text) {
  const auto refuse = [&](const char* why) -> InputError {
    return InputError("address \"" + text + "\": " + why + "; write HOST:PORT, as 127.0.0.1:7000");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw refuse("no port");
  HostPort at;
  at.host = text.substr(0, colon);
  if (at.host.size() > 2 && at.host.front() == '[' && at.host.back() == ']')
    at.host = at.host.substr(1, at.host.size() - 2);
  else if (at.host.find(':') != std::string::npos)
    throw refuse("an IPv6 host stands in [ ]");
  if (at.host.empty()) throw refuse("no host");
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, at.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) throw refuse("the port is no number to 65535");
  return at;
}

std::vector<SocketAddress> resolve(const HostPort& at, bool to_listen) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0);
  addrinfo* found = nullptr;
  const int rc = getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &found);
  if (rc != 0) throw Error("host \"" + at.host + "\" is unknown: " + gai_strerror(rc));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    address.size = a->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

Fd listen_tcp(const HostPort& at, int backlog) {
  const std::string where = at.host + ":" + std::to_string(at.port);
  const SocketAddress address = resolve(at, true).front();
  Fd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw Error(errno_text("cannot make a socket", errno));
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0)
    throw Error(errno_text("cannot listen on " + where, errno));
  if (listen(socket.get(), backlog) != 0)
    throw Error(errno_text("cannot listen on " + where, errno));
  return socket;
}

Fd start_connect(const SocketAddress& to) {
  Fd socket(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw Error(errno_text("cannot make a socket", errno));
  tune_control_socket(socket);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 &&
      errno != EINPROGRESS)
    throw Error(errno_text("cannot connect to " + address_text(to.storage), errno));
  return socket;
}

int connect_result(const Fd& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Fd accept_tcp(const Fd& listener) {
  Fd socket(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  // Whoever connected may be gone again, or descriptors may be short: it is the dialler's to try
  // again.
  if (socket) tune_control_socket(socket);
  return socket;
}

void tune_control_socket(const Fd& socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
  set_option(socket, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, "TCP_THIN_LINEAR_TIMEOUTS");
}

std::string local_address(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw Error(errno_text("cannot read a socket's address", errno));
  return address_text(address);
}

std::string peer_address(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address_text(address);
}

std::string local_interface(const Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw Error(errno_text("cannot read a socket's address", errno));
  return interface_with(address);
}

std::string host_interface(const std::string& host) {
  return interface_with(resolve({host, 0}, true).front().storage);
}

}  // namespace thespis::transport
