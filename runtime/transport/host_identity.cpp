#include "runtime/transport/host_identity.hpp"

#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <fstream>
#include <string>

#include "runtime/base/error.hpp"

namespace thespis::transport {
namespace {

std::string namespace_link(const char* name) {
  const std::string path = std::string("/proc/self/ns/") + name;
  std::array<char, 64> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) throw Error("cannot read " + path + ": is /proc mounted?");
  return {target.data(), static_cast<size_t>(size)};
}

}  // namespace

uint64_t memory_domain() {
  std::string text;
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  if (!std::getline(boot, text)) throw Error("cannot read /proc/sys/kernel/random/boot_id");
  for (const char* name : {"pid", "ipc", "user", "net"}) text += "|" + namespace_link(name);
  text += "|" + std::to_string(geteuid());
  const uint64_t hash = XXH3_64bits(text.data(), text.size());
  return hash == 0 ? 1 : hash;
}

}  // namespace thespis::transport
