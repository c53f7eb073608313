#include "sim/kernel/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace thespis::sim {
namespace {

const char* name_of(Happened what) {
  switch (what) {
    case Happened::kFrame:
      return "frame";
    case Happened::kTimer:
      return "timer";
    case Happened::kWork:
      return "work";
    case Happened::kBoot:
      return "starts";
    case Happened::kDeath:
      return "ends";
    case Happened::kJoined:
      return "joined";
    case Happened::kLost:
      return "gives up";
    case Happened::kFault:
      return "fault";
    case Happened::kBatch:
      return "batch";
    case Happened::kStep:
      return "step";
    case Happened::kEnded:
      return "run ended";
    case Happened::kProgress:
      break;
  }
  return "";
}

bool is_noise(Happened what) {
  return what == Happened::kFrame || what == Happened::kTimer || what == Happened::kWork;
}

using env::Nanoseconds;

double microseconds(Nanoseconds t) {
  return static_cast<double>(t.count()) / 1e3;
}

}  // namespace

// FNV-1a with 64-bit words, stirred: order matters, addresses never enter.
void Trace::mix(uint64_t value) {
  hash_ = (hash_ ^ value) * 0x100000001b3u;
  hash_ ^= hash_ >> 29;
}

void Trace::add(env::Nanoseconds at, uint32_t node, Happened what, uint64_t a, uint64_t b,
                std::string note) {
  mix(static_cast<uint64_t>(at.count()));
  mix(uint64_t{node} << 8 | static_cast<uint64_t>(what));
  mix(a);
  mix(b);
  for (const char c : note) mix(static_cast<unsigned char>(c));
  if (is_noise(what)) return;
  Event event{at, node, what, a, b, std::move(note)};
  if (keeps_timeline_ && timeline_.size() < kTimelineMax) timeline_.push_back(event);
  last_.push_back(std::move(event));
  if (last_.size() > kLastMax) last_.pop_front();
}

void Trace::span(env::Nanoseconds begin, env::Nanoseconds end, uint32_t node,
                 const std::string& name) {
  if (keeps_timeline_ && spans_.size() < kTimelineMax) spans_.push_back({begin, end, node, name});
}

std::vector<std::string> Trace::last(const std::vector<std::string>& node_names) const {
  std::vector<std::string> lines;
  for (const Event& e : last_) {
    std::string line = fmt::format("{:>10.3f} s  {:<12} {}", env::seconds(e.at),
                                   node_names.at(e.node), name_of(e.what));
    if (e.what == Happened::kLost)
      line += " " + node_names.at(static_cast<size_t>(e.a));
    else if (e.what == Happened::kStep || e.what == Happened::kBatch)
      line += " " + std::to_string(e.a);
    if (!e.note.empty()) line += (e.what == Happened::kProgress ? "" : ": ") + e.note;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string Trace::timeline(const std::vector<std::string>& node_names) const {
  nlohmann::json events = nlohmann::json::array();
  // Tracks have numbers; what they are called is said once. Two computations of one name that
  // overlap (a node has two rewards) lie on two tracks, since a track's spans must not cross.
  std::map<std::pair<uint32_t, std::string>, std::vector<std::pair<uint32_t, Nanoseconds>>> tracks;
  std::map<uint32_t, uint32_t> last_track;
  const auto name = [&events](const char* what, uint32_t pid, uint32_t tid,
                              const std::string& called) {
    events.push_back(
        {{"ph", "M"}, {"pid", pid}, {"tid", tid}, {"name", what}, {"args", {{"name", called}}}});
  };
  const auto track_of = [&](uint32_t node, const std::string& called, Nanoseconds begin,
                            Nanoseconds end) {
    auto& known = tracks[{node, called}];
    for (auto& [tid, until] : known)
      if (until <= begin) {
        until = end;
        return tid;
      }
    const uint32_t tid = ++last_track[node];
    known.emplace_back(tid, end);
    name("thread_name", node, tid, called);
    return tid;
  };
  for (uint32_t i = 0; i < node_names.size(); ++i) {
    name("process_name", i, 0, node_names[i]);
    name("thread_name", i, 0, "events");
  }
  std::vector<const Span*> spans;
  for (const Span& span : spans_) spans.push_back(&span);
  std::stable_sort(spans.begin(), spans.end(),
                   [](const Span* a, const Span* b) { return a->begin < b->begin; });
  for (const Span* span : spans) {
    const Span& s = *span;
    events.push_back({{"ph", "X"},
                      {"pid", s.node},
                      {"tid", track_of(s.node, s.name, s.begin, s.end)},
                      {"name", s.name},
                      {"ts", microseconds(s.begin)},
                      {"dur", microseconds(s.end - s.begin)}});
  }
  for (const Event& e : timeline_)
    events.push_back(
        {{"ph", "i"},
         {"s", "p"},
         {"pid", e.node},
         {"tid", 0},
         {"name", e.note.empty() ? name_of(e.what) : name_of(e.what) + (": " + e.note)},
         {"ts", microseconds(e.at)}});
  return nlohmann::json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump() + '\n';
}

}  // namespace thespis::sim
