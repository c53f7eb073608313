#include "sim/kernel/trace.hpp"

#include <fmt/format.h>

#include <iterator>
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

double microseconds(env::Nanoseconds t) {
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
  for (size_t i = 0; i < node_names.size(); ++i)
    events.push_back(
        {{"ph", "M"}, {"pid", i}, {"name", "process_name"}, {"args", {{"name", node_names[i]}}}});
  for (const Span& s : spans_)
    events.push_back({{"ph", "X"},
                      {"pid", s.node},
                      {"tid", s.name},
                      {"name", s.name},
                      {"ts", microseconds(s.begin)},
                      {"dur", microseconds(s.end - s.begin)}});
  for (const Event& e : timeline_)
    events.push_back(
        {{"ph", "i"},
         {"s", "p"},
         {"pid", e.node},
         {"tid", "events"},
         {"name", e.note.empty() ? name_of(e.what) : name_of(e.what) + (": " + e.note)},
         {"ts", microseconds(e.at)}});
  return nlohmann::json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump() + '\n';
}

}  // namespace thespis::sim
