#include "app/secret.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "runtime/base/error.hpp"
#include "runtime/cluster/cluster.hpp"
#include "runtime/env/random.hpp"

namespace thespis::app {

std::string read_secret(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    throw InputError("secret file " + path + ": " + std::strerror(errno));
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw InputError("secret file " + path +
                     ": others than its owner may read it; run chmod 600 on it");
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  std::string secret = content.str();
  constexpr const char* kBlanks = " \t\r\n";
  secret.erase(secret.find_last_not_of(kBlanks) + 1);
  secret.erase(0, secret.find_first_not_of(kBlanks));
  constexpr auto kBytesMin = cluster::ClusterOptions::kSecretBytesMin;
  if (secret.size() < kBytesMin)
    throw InputError("secret file " + path + ": the secret has " + std::to_string(secret.size()) +
                     " bytes, it needs at least " + std::to_string(kBytesMin));
  return secret;
}

std::string make_secret(const std::string& path) {
  uint8_t bytes[32];
  env::fill_secret(bytes, sizeof bytes);
  std::string secret;
  for (const uint8_t byte : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    secret += kDigits[byte >> 4];
    secret += kDigits[byte & 15];
  }
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) throw Error("secret file " + path + ": " + std::strerror(errno));
  const ssize_t written = write(file, secret.data(), secret.size());
  const int closed = close(file);
  if (written != static_cast<ssize_t>(secret.size()) || closed != 0)
    throw Error("secret file " + path + ": " + std::strerror(errno));
  return secret;
}

}  // namespace thespis::app
