#include "runtime/sandbox/protocol.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace thespis::sandbox {
namespace {

/// Fixed-width numbers as they lie in memory: both ends are the same machine and build.
class Writer {
 public:
  template <class T>
  void number(T value) {
    static_assert(std::is_arithmetic_v<T>);
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    bytes_.append(raw, sizeof(T));
  }
  void text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    bytes_.append(value);
  }
  /// Before all else, where no copy may be left behind by growing.
  void reserve(size_t bytes) { bytes_.reserve(bytes); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T number() {
    T value{};
    if (rest_.size() < sizeof(T)) {
      good_ = false;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }
  template <class E>
  E choice(E last) {
    const auto value = number<uint8_t>();
    if (value > static_cast<uint8_t>(last)) good_ = false;
    return good_ ? static_cast<E>(value) : E{};
  }
  bool flag() {
    const auto value = number<uint8_t>();
    if (value > 1) good_ = false;
    return value == 1;
  }
  std::string text() {
    const auto size = number<uint32_t>();
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  /// A number of elements of at least `bytes_each` bytes, so that a lie cannot make us allocate.
  size_t count(size_t bytes_each) {
    const auto value = number<uint32_t>();
    if (value > rest_.size() / bytes_each) good_ = false;
    return good_ ? value : 0;
  }
  double seconds() {
    const auto value = number<double>();
    if (!std::isfinite(value) || value < 0) good_ = false;
    return value;
  }
  void require(bool condition) { good_ = good_ && condition; }
  bool finished() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

constexpr uint32_t kLayerBits = (1U << static_cast<unsigned>(Layer::kCount)) - 1;

void write(Writer& out, const Limits& limits) {
  out.number(limits.cpu_s);
  out.number(limits.wall_s);
  out.number(limits.memory_bytes);
  out.number(limits.output_bytes);
  out.number(limits.result_bytes);
  out.number(limits.file_bytes);
  out.number(limits.processes);
}

Limits read_limits(Reader& in) {
  Limits limits;
  limits.cpu_s = in.seconds();
  limits.wall_s = in.seconds();
  limits.memory_bytes = in.number<uint64_t>();
  limits.output_bytes = in.number<uint64_t>();
  limits.result_bytes = in.number<uint64_t>();
  limits.file_bytes = in.number<uint64_t>();
  limits.processes = in.number<uint32_t>();
  return limits;
}

/// What goes to execve or open: a NUL would cut it.
std::string read_name(Reader& in) {
  std::string name = in.text();
  in.require(name.find('\0') == name.npos);
  return name;
}

bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() < 200 && name != "." && name != ".." &&
         name.find('/') == name.npos;
}

}  // namespace

std::string encode(const RunRequest& request) {
  Writer out;
  out.number(static_cast<uint8_t>(request.start));
  out.number(request.without.bits);
  write(out, request.limits);
  out.number(static_cast<uint32_t>(request.argv.size()));
  for (const std::string& argument : request.argv) out.text(argument);
  out.number(static_cast<uint32_t>(request.files.size()));
  for (const File& file : request.files) {
    out.text(file.name);
    out.text(file.bytes);
  }
  out.number(static_cast<uint32_t>(request.inherited.size()));
  for (const int number : request.inherited) out.number(static_cast<uint8_t>(number));
  out.text(request.take);
  return out.take();
}

std::optional<RunRequest> decode_request(std::string_view body) {
  Reader in(body);
  RunRequest request;
  request.start = in.choice(Start::kProbe);
  request.without.bits = in.number<uint32_t>();
  in.require(request.without.bits <= kLayerBits);
  request.limits = read_limits(in);
  request.argv.resize(in.count(4));
  for (std::string& argument : request.argv) argument = read_name(in);
  in.require(!request.argv.empty());
  request.files.resize(in.count(8));
  for (File& file : request.files) {
    file.name = read_name(in);
    in.require(is_file_name(file.name));
    file.bytes = in.text();
  }
  request.inherited.resize(in.count(1));
  in.require(request.inherited.size() <= kInheritedMax);
  for (int& number : request.inherited) {
    number = in.number<uint8_t>();
    in.require(number >= 4 && number < 16);
  }
  request.take = read_name(in);
  in.require(request.take.empty() || is_file_name(request.take));
  if (!in.finished()) return std::nullopt;
  return request;
}

std::string encode(const RunReply& reply) {
  Writer out;
  const Outcome& outcome = reply.outcome;
  constexpr size_t kNumbers = 128;
  out.reserve(kNumbers + outcome.detail.size() + outcome.output.size() + outcome.errors.size() +
              outcome.result.size());
  out.number(static_cast<uint8_t>(outcome.ending));
  out.number(static_cast<int32_t>(outcome.code));
  out.number(outcome.cpu_s);
  out.number(outcome.wall_s);
  out.number(outcome.memory_peak_bytes);
  out.text(outcome.detail);
  out.text(outcome.output);
  out.text(outcome.errors);
  out.text(outcome.result);
  out.number(static_cast<uint8_t>(reply.took_file));
  out.number(reply.outcome.survivors);
  return out.take();
}

std::optional<RunReply> decode_reply(std::string_view body) {
  Reader in(body);
  RunReply reply;
  Outcome& outcome = reply.outcome;
  outcome.ending = in.choice(Ending::kInfrastructure);
  outcome.code = in.number<int32_t>();
  outcome.cpu_s = in.seconds();
  outcome.wall_s = in.seconds();
  outcome.memory_peak_bytes = in.number<uint64_t>();
  outcome.detail = in.text();
  outcome.output = in.text();
  outcome.errors = in.text();
  outcome.result = in.text();
  reply.took_file = in.flag();
  reply.outcome.survivors = in.number<uint32_t>();
  if (!in.finished()) return std::nullopt;
  return reply;
}

std::string encode(const LauncherRequest& request) {
  Writer out;
  out.number(static_cast<uint8_t>(request.call));
  out.number(request.slot);
  out.number(static_cast<uint8_t>(request.zygote));
  out.text(request.path);
  return out.take();
}

std::optional<LauncherRequest> decode_launcher_request(std::string_view body) {
  Reader in(body);
  LauncherRequest request;
  request.call = in.choice(LauncherCall::kKill);
  request.slot = in.number<uint32_t>();
  request.zygote = in.flag();
  request.path = read_name(in);
  if (!in.finished()) return std::nullopt;
  return request;
}

std::string encode(const LauncherReply& reply) {
  Writer out;
  out.text(reply.error);
  out.number(reply.process);
  out.number(static_cast<uint32_t>(reply.layers.size()));
  for (const LayerReport& layer : reply.layers) {
    out.number(static_cast<uint8_t>(layer.layer));
    out.number(static_cast<uint8_t>(layer.state));
    out.text(layer.detail);
  }
  return out.take();
}

std::optional<LauncherReply> decode_launcher_reply(std::string_view body) {
  Reader in(body);
  LauncherReply reply;
  reply.error = in.text();
  reply.process = in.number<int32_t>();
  reply.layers.resize(in.count(6));
  for (LayerReport& layer : reply.layers) {
    layer.layer = in.choice(Layer::kCpu);
    layer.state = in.choice(LayerState::kBroken);
    layer.detail = in.text();
  }
  if (!in.finished()) return std::nullopt;
  return reply;
}

}  // namespace thespis::sandbox
