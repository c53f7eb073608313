#include "runtime/sandbox/worker.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace thespis::sandbox {
namespace {

/// A keeper that waits for a job reads it at once.
constexpr timeval kSendPatience{2, 0};

}  // namespace

std::span<char> FrameReader::space() {
  if (have_ < sizeof header_)
    return {reinterpret_cast<char*>(&header_) + have_, sizeof header_ - have_};
  return {body_.data() + (have_ - sizeof header_), body_.size() - (have_ - sizeof header_)};
}

bool FrameReader::filled(size_t bytes) {
  const bool in_header = have_ < sizeof header_;
  have_ += bytes;
  if (!in_header || have_ < sizeof header_) return true;
  const bool has_body = header_.kind == FrameKind::kReply;
  if (!has_body && header_.kind != FrameKind::kPong) return false;
  if (header_.body_bytes > (has_body ? body_bytes_max_ : 0)) return false;
  if (has_body && header_.body_bytes == 0) return false;
  body_.assign(header_.body_bytes, '\0');
  return true;
}

std::optional<FrameReader::Frame> FrameReader::take() {
  if (have_ < sizeof header_ || have_ < sizeof header_ + body_.size()) return std::nullopt;
  Frame frame{header_.kind, std::move(body_)};
  body_.clear();
  have_ = 0;
  return frame;
}

Worker::Worker(Descriptor socket, pid_t process)
    : socket_(std::move(socket)), process_(process), reader_(kFrameBytesMax) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendPatience, sizeof kSendPatience);
}

bool Worker::waits_for_processor() const {
  // "PID (NAME) STATE ...".
  std::ifstream status("/proc/" + std::to_string(process_) + "/stat");
  std::string line;
  std::getline(status, line);
  const size_t at = line.rfind(") ");
  return at != line.npos && at + 2 < line.size() && line[at + 2] == 'R';
}

bool Worker::ask(const RunRequest& request, std::span<const int> descriptors) {
  const std::string body = encode(request);
  if (body.size() > kFrameBytesMax) return false;
  const FrameHeader header{FrameKind::kRun, static_cast<uint32_t>(body.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += body;
  return send_all(socket_.get(), bytes, descriptors);
}

bool Worker::send(FrameKind kind) {
  const FrameHeader header{kind, 0};
  return ::send(socket_.get(), &header, sizeof header, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(sizeof header);
}

Worker::Heard Worker::hear(RunReply& reply, Descriptor& file) {
  bool pong = false;
  for (;;) {
    Received got = receive(socket_.get(), reader_.space(), 1, MSG_DONTWAIT);
    if (got.bytes == 0 && errno == EAGAIN) return pong ? Heard::kPong : Heard::kNothing;
    if (got.bytes == 0 || !reader_.filled(got.bytes)) return Heard::kGone;
    if (!got.descriptors.empty()) file_ = std::move(got.descriptors[0]);
    auto frame = reader_.take();
    if (!frame) continue;
    if (frame->kind == FrameKind::kPong) {
      pong = true;
      continue;
    }
    auto decoded = decode_reply(frame->body);
    if (!decoded) return Heard::kGone;
    reply = std::move(*decoded);
    file = std::move(file_);
    return Heard::kReply;
  }
}

}  // namespace thespis::sandbox
