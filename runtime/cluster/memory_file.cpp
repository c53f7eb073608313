#include "runtime/cluster/memory_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <regex>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::cluster {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

void write_all(int fd, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count > 0)
      bytes = bytes.subspan(static_cast<size_t>(count));
    else if (errno != EINTR)
      throw Error(transport::errno_text("cannot write weights into shared memory", errno));
  }
}

}  // namespace

MemoryFile::MemoryFile(MemoryFileHeader header, std::span<const uint8_t> bytes)
    : file_(memfd_create("thespis-weights", MFD_CLOEXEC | MFD_ALLOW_SEALING)), header_(header) {
  if (!file_) throw Error(transport::errno_text("cannot make a shared-memory file", errno));
  header_.magic = kMagic;
  header_.size_bytes = bytes.size();
  std::array<uint8_t, kHeaderBytes> page{};
  std::memcpy(page.data(), &header_, sizeof header_);
  write_all(file_.get(), page);
  write_all(file_.get(), bytes);
  if (fcntl(file_.get(), F_ADD_SEALS, kSeals) != 0)
    throw Error(transport::errno_text("cannot seal a shared-memory file", errno));
}

std::string MemoryFile::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file_.get());
}

MappedMemoryFile::Opened MappedMemoryFile::open(const std::string& path,
                                                const MemoryFileHeader& wanted) {
  const auto problem = [](Problem what, std::string detail) {
    return Opened{nullptr, what, std::move(detail)};
  };
  static const std::regex form("/proc/([0-9]+)/fd/[0-9]+");
  std::smatch match;
  if (!std::regex_match(path, match, form))
    return problem(Problem::kOther, "\"" + path + "\" is no name of a memory file");
  // The number may stand for anything by now: a pipe must not block us.
  const transport::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    const int error = errno;
    const bool alive = access(("/proc/" + match[1].str()).c_str(), F_OK) == 0;
    return problem(alive ? Problem::kOther : Problem::kGone, transport::errno_text(path, error));
  }
  struct stat status {};
  const uint64_t bytes = MemoryFile::kHeaderBytes + wanted.size_bytes;
  // Sealed against shrinking: reading the mapping cannot raise SIGBUS.
  if (fstat(file.get(), &status) != 0 || fcntl(file.get(), F_GET_SEALS) != kSeals ||
      static_cast<uint64_t>(status.st_size) != bytes)
    return problem(Problem::kOther, path + " is another file by now");
  void* base = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.get(), 0);
  if (base == MAP_FAILED) throw Error(transport::errno_text("cannot map " + path, errno));
  auto mapped = std::make_shared<const MappedMemoryFile>(base, bytes);
  MemoryFileHeader header;
  std::memcpy(&header, base, sizeof header);
  if (!(header == wanted)) return problem(Problem::kOther, path + " holds another version by now");
  return {std::move(mapped), Problem::kOther, {}};
}

MappedMemoryFile::~MappedMemoryFile() {
  THESPIS_ASSERT(munmap(base_, bytes_) == 0);
}

std::span<const uint8_t> MappedMemoryFile::bytes() const {
  return {static_cast<const uint8_t*>(base_) + MemoryFile::kHeaderBytes,
          bytes_ - MemoryFile::kHeaderBytes};
}

}  // namespace thespis::cluster
