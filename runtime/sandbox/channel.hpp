#pragma once
// Bytes and descriptors over a socket pair: what host, launcher and keepers share.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/descriptor.hpp"

namespace thespis::sandbox {

struct SocketPair {
  Descriptor ours;
  Descriptor theirs;
};
/// SOCK_STREAM or SOCK_SEQPACKET, closed on exec; empty with errno set where the system refuses.
SocketPair socket_pair(int type);

/// Sends all bytes, the descriptors with the first of them; blocks. False with errno set: the
/// other end is gone.
bool send_all(int socket, std::string_view bytes, std::span<const int> descriptors);

struct Received {
  size_t bytes = 0;  ///< 0: the other end is gone, or errno says why (errno 0: end).
  std::vector<Descriptor> descriptors;
};
/// One recvmsg into `into`; descriptors beyond `descriptors_max` are closed.
Received receive(int socket, std::span<char> into, size_t descriptors_max, int flags);

}  // namespace thespis::sandbox
