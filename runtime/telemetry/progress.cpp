#include "runtime/telemetry/progress.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace thespis::telemetry {
namespace {

constexpr size_t kHistory = 64;
constexpr uint32_t kSparkColumns = 24, kBarColumns = 30;
constexpr size_t kEtaSteps = 8;  // The mean of so many recent steps says how long the rest takes.
constexpr int kNoColour = 0, kBold = 1, kGreen = 32, kYellow = 33, kCyan = 36;  // SGR codes.

void push(std::deque<double>& values, double value) {
  if (!std::isfinite(value)) return;
  values.push_back(value);
  if (values.size() > kHistory) values.pop_front();
}

std::string count_text(double value) {
  if (value >= 1e6) return fmt::format("{:.1f}M", value / 1e6);
  if (value >= 1e4) return fmt::format("{:.1f}k", value / 1e3);
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string sparkline(const std::deque<double>& values, uint32_t columns, bool unicode) {
  static constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄",
                                                              "▅", "▆", "▇", "█"};
  static constexpr std::array<std::string_view, 8> kAscii = {"_", ".", ":", "-",
                                                             "=", "+", "*", "#"};
  const size_t count = std::min<size_t>(values.size(), columns);
  if (count == 0) return "";
  const auto begin = values.end() - static_cast<std::ptrdiff_t>(count);
  const auto [low, high] = std::minmax_element(begin, values.end());
  std::string out;
  for (auto it = begin; it != values.end(); ++it) {
    const double height = *high > *low ? (*it - *low) / (*high - *low) : 0;
    out += (unicode ? kBlocks : kAscii)[static_cast<size_t>(std::lround(height * 7))];
  }
  return out;
}

std::string duration_text(double seconds) {
  constexpr double kLong = 1e7;  // Beyond a hundred days a figure is no help.
  if (!(seconds >= 0 && seconds < kLong)) return "?";
  const auto whole = static_cast<uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

Progress::Progress(Write write, Terminal terminal, std::string_view title)
    : write_(std::move(write)), terminal_(terminal) {
  show_note(title);
}

void Progress::step(const StepReport& report) {
  const std::lock_guard lock(mutex_);
  last_ = report;
  activity_.clear();
  push(rewards_, report.reward);
  push(lengths_, report.response_length);
  push(seconds_, report.seconds);
  if (report.pass_at_1) push_pass(*report.pass_at_1);
  if (terminal_.live)
    draw();
  else
    write_(plain_line() + '\n');
}

void Progress::activity(std::string_view text) {
  const std::lock_guard lock(mutex_);
  activity_ = text;
  if (terminal_.live) draw();  // Elsewhere a line a step must do.
}

void Progress::note(std::string_view text) {
  const std::lock_guard lock(mutex_);
  show_note(text);
}

void Progress::show_note(std::string_view text) {
  erase();
  // On a terminal a long note may wrap: it is above the block and never drawn over.
  constexpr uint32_t kNoteColumnsMax = 1000;
  write_(fitted(text, kNoteColumnsMax) + '\n');
  if (terminal_.live && (last_.steps > 0 || !activity_.empty())) draw();
}

void Progress::evaluated(uint64_t step, double pass_at_1) {
  const std::lock_guard lock(mutex_);
  push_pass(pass_at_1);
  show_note(fmt::format("step {}: pass@1 {:.1f} %", step, 100 * pass_at_1));
}

void Progress::push_pass(double pass_at_1) {
  if (passes_.empty()) base_pass_ = pass_at_1;
  push(passes_, pass_at_1);
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  drawn_lines_ = 0;
}

std::string Progress::eta() const {
  if (seconds_.empty() || last_.step >= last_.steps) return "";
  const size_t count = std::min(seconds_.size(), kEtaSteps);
  const double recent =
      std::accumulate(seconds_.end() - static_cast<std::ptrdiff_t>(count), seconds_.end(), 0.0);
  return duration_text(recent / static_cast<double>(count) *
                       static_cast<double>(last_.steps - last_.step));
}

std::string Progress::plain_line() const {
  std::string line = fmt::format("step {}/{} reward {:.3f} length {:.1f} tokens/s {:.0f} age {}",
                                 last_.step, last_.steps, last_.reward, last_.response_length,
                                 last_.tokens_per_s, last_.age_max);
  if (last_.pass_at_1) line += fmt::format(" pass@1 {:.1f}%", 100 * *last_.pass_at_1);
  if (!last_.starved_by.empty()) line += " waiting for " + last_.starved_by;
  if (const auto left = eta(); !left.empty()) line += " eta " + left;
  return fitted(line, 1000);
}

std::string Progress::colour(std::string_view text, int code) const {
  if (!terminal_.colours || code == kNoColour || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::vector<std::string> Progress::block() const {
  // A line is laid out without colours, cut, and coloured as a whole, so that its width is known.
  const auto spark = [this](const std::deque<double>& values) {
    return sparkline(values, kSparkColumns, terminal_.unicode);
  };
  std::vector<std::string> lines;
  const auto add = [this, &lines](const std::string& text, int code) {
    // The last column stays free: some terminals wrap when it is written.
    lines.push_back(colour(fitted(text, std::max(terminal_.columns, 2u) - 1), code));
  };
  if (last_.steps > 0) {
    const auto full =
        static_cast<uint32_t>(kBarColumns * std::min(last_.step, last_.steps) / last_.steps);
    std::string bar;
    for (uint32_t i = 0; i < kBarColumns; ++i)
      bar += i < full ? (terminal_.unicode ? "█" : "#") : (terminal_.unicode ? "░" : ".");
    std::string head = fmt::format("{} step {}/{}", bar, last_.step, last_.steps);
    if (const auto left = eta(); !left.empty()) head += "  " + left + " left";
    add(head, kBold);
    if (!passes_.empty()) {
      const std::string base =
          passes_.size() > 1 ? fmt::format("{:.1f} -> ", 100 * base_pass_) : "";
      add(fmt::format("pass@1  {}{:.1f} %  {}", base, 100 * passes_.back(), spark(passes_)),
          kGreen);
    }
    add(fmt::format("reward  {:<7.3f} {}", last_.reward, spark(rewards_)), kCyan);
    add(fmt::format("length  {:<7.1f} {}", last_.response_length, spark(lengths_)), kCyan);
    add(fmt::format(
            "{} tokens/s   age {}   {}", count_text(last_.tokens_per_s), last_.age_max,
            last_.starved_by.empty() ? "nobody is waited for" : "waiting for " + last_.starved_by),
        kNoColour);
  }
  if (!activity_.empty()) add(activity_, kYellow);
  return lines;
}

void Progress::erase() {
  if (drawn_lines_ == 0) return;
  // Up to the block's first line, then clear to the end of the screen.
  write_(fmt::format("\x1b[{}F\x1b[J", drawn_lines_));
  drawn_lines_ = 0;
}

void Progress::draw() {
  erase();
  std::string text;
  const auto lines = block();
  for (const std::string& line : lines) text += line + '\n';
  write_(text);
  drawn_lines_ = static_cast<uint32_t>(lines.size());
}

}  // namespace thespis::telemetry
