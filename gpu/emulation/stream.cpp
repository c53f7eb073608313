// What streams do besides operations: copies, events, graphs.

#include "gpu/emulation/stream.hpp"

#include <cstring>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::emulation {
namespace {

class Graph final : public DeviceGraph {
 public:
  explicit Graph(std::vector<Step> recorded) : steps(std::move(recorded)) {}
  const std::vector<Step> steps;
};

class Event final : public DeviceEvent {
 public:
  explicit Event(std::shared_ptr<Host> host) : host_(std::move(host)) {}
  void wait_on_host() override {
    THESPIS_ASSERT(!host_->schedule.captures());
    host_->schedule.run_to(place);
  }
  float milliseconds_since(const DeviceEvent& earlier) const override {
    const auto& before = static_cast<const Event&>(earlier);
    THESPIS_ASSERT(*at > env::Nanoseconds{0} && *before.at > env::Nanoseconds{0});
    return std::chrono::duration<float, std::milli>(*at - *before.at).count();
  }

  Place place;  // Of the last record().
  // When that was done; the step that sets it may outlive this.
  const std::shared_ptr<env::Nanoseconds> at = std::make_shared<env::Nanoseconds>(0);

 private:
  const std::shared_ptr<Host> host_;
};

}  // namespace

Stream::Stream(std::shared_ptr<Host> host, std::shared_ptr<const Memory> memory, uint32_t card)
    : host_(std::move(host)),
      memory_(std::move(memory)),
      queue_(host_->schedule.make_queue(card)) {}

Stream::~Stream() {
  host_->schedule.remove(queue_);
}

Place Stream::add(Step step) {
  for (const Access& access : step.uses)
    if (!memory_->has(access.at, access.bytes))
      throw Error("emulated card: " + step.what + " uses memory that is none of this card's");
  if (!captures_) return host_->schedule.add(queue_, std::move(step));
  THESPIS_ASSERT(step.exchange == nullptr);
  captured_.push_back(std::move(step));
  return {};
}

void Stream::add(const char* what, const Uses& uses, std::function<void()> work) {
  add(Step{.work = std::move(work), .what = what, .uses = uses.list});
}

void Stream::upload(void* to, const void* from_host, size_t bytes) {
  if (bytes == 0) return;
  const Uses uses = Uses().add(to, bytes, true);
  if (host_->pinned.has(from_host, bytes)) {
    add({.work = [to, from_host, bytes] { std::memcpy(to, from_host, bytes); },
         .host = {from_host, bytes},
         .what = "an upload",
         .uses = uses.list});
    return;
  }
  THESPIS_ASSERT(!captures_);  // A graph would read it again at each launch.
  const auto* begin = static_cast<const uint8_t*>(from_host);
  add("an upload", uses, [to, kept = std::vector<uint8_t>(begin, begin + bytes)] {
    std::memcpy(to, kept.data(), kept.size());
  });
}

void Stream::download(void* to_host, const void* from, size_t bytes) {
  if (bytes == 0) return;
  add({.work = [to_host, from, bytes] { std::memcpy(to_host, from, bytes); },
       .host = {to_host, bytes},
       .what = "a download",
       .uses = Uses().add(from, bytes, false).list});
}

void Stream::copy(void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  add("a copy", Uses().add(from, bytes, false).add(to, bytes, true),
      [to, from, bytes] { std::memmove(to, from, bytes); });
}

void Stream::zero(void* at, size_t bytes) {
  if (bytes == 0) return;
  add("clearing memory", Uses().add(at, bytes, true), [at, bytes] { std::memset(at, 0, bytes); });
}

void Stream::synchronize() {
  THESPIS_ASSERT(!captures_);
  host_->schedule.run_to(end());
}

std::unique_ptr<DeviceEvent> Stream::make_event() {
  return std::make_unique<Event>(host_);
}

void Stream::record(DeviceEvent& event) {
  THESPIS_ASSERT(!captures_);
  auto& e = static_cast<Event&>(event);
  e.place = host_->schedule.add(queue_, {.work = [at = e.at] { *at = env::RealClock().now(); }});
}

void Stream::wait(const DeviceEvent& event) {
  THESPIS_ASSERT(!captures_);
  add({.after = static_cast<const Event&>(event).place});
}

void Stream::begin_capture() {
  THESPIS_ASSERT(!captures_);
  captures_ = true;
  host_->schedule.begin_capture();
}

std::unique_ptr<DeviceGraph> Stream::end_capture() {
  THESPIS_ASSERT(captures_);
  captures_ = false;
  host_->schedule.end_capture();
  return std::make_unique<Graph>(std::exchange(captured_, {}));
}

void Stream::launch(const DeviceGraph& graph) {
  THESPIS_ASSERT(!captures_);
  for (const Step& step : static_cast<const Graph&>(graph).steps) add(step);
}

}  // namespace thespis::gpu::emulation
