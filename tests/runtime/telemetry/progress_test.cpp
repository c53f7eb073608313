// Goal: P-1 and P-2 (progress.hpp): lines never exceed the terminal, drawing over leaves no
// remains, and away from a terminal there is nothing but plain lines.
// Method: a small model of a terminal that carries out what is written, for many widths; exact
// text.

#include "runtime/telemetry/progress.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using namespace thespis::telemetry;

namespace {

/// Carries out line feeds, "up n lines" and "clear below"; colours take no room.
class Screen {
 public:
  explicit Screen(uint32_t columns) : columns_(columns) {}
  void write(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      if (text[i] == '\x1b') {
        i = escape(text, i);
      } else if (text[i] == '\n') {
        if (++row_ == rows.size()) rows.emplace_back();
        ++i;
      } else {
        rows[row_] += text[i++];
      }
    }
    for (const auto& row : rows) width = std::max(width, columns_of(row));
    wrapped = wrapped || width >= columns_;
  }
  std::vector<std::string> rows = {""};
  uint32_t width = 0;
  bool wrapped = false;

 private:
  size_t escape(std::string_view text, size_t i) {
    size_t end = i + 2;
    while (end < text.size() && !std::isalpha(static_cast<unsigned char>(text[end]))) ++end;
    const std::string number(text.substr(i + 2, end - i - 2));
    switch (text.at(end)) {
      case 'F':
        row_ -= std::stoul(number);
        break;
      case 'J':
        rows.resize(row_), rows.emplace_back();
        break;
      case 'm':
        colours = true;
        break;
      default:
        throw std::runtime_error("unknown escape sequence");
    }
    return end + 1;
  }
  uint32_t columns_;
  size_t row_ = 0;

 public:
  bool colours = false;
};

StepReport report(uint64_t step) {
  return {.step = step,
          .steps = 4,
          .reward = 0.25 * static_cast<double>(step),
          .response_length = 40.0 * static_cast<double>(step),
          .tokens_per_s = 12345,
          .age_max = 1,
          .seconds = 10,
          .starved_by = "sampler",
          .pass_at_1 = step == 2 ? std::optional(0.5) : std::nullopt};
}

}  // namespace

TEST_CASE("progress: away from a terminal a plain line a step, and nothing else") {
  std::string out;
  Progress progress([&out](std::string_view text) { out += text; }, Terminal{}, "run a");
  progress.activity("evaluating the base model");
  progress.evaluated(0, 0.181);
  progress.step(report(1));
  progress.step(report(2));
  progress.note("node 3 was\nlost");
  progress.step(report(4));
  progress.finish();
  CHECK(out ==
        "run a\n"
        "step 0: pass@1 18.1 %\n"
        "step 1/4 reward 0.250 length 40.0 tokens/s 12345 age 1 waiting for sampler eta 30s\n"
        "step 2/4 reward 0.500 length 80.0 tokens/s 12345 age 1 pass@1 50.0% waiting for sampler "
        "eta 20s\n"
        "node 3 was?lost\n"
        "step 4/4 reward 1.000 length 160.0 tokens/s 12345 age 1 waiting for sampler\n");
}

TEST_CASE("progress: on a terminal the block is drawn over and notes stay above it") {
  Screen screen(100);
  Progress progress([&screen](std::string_view text) { screen.write(text); },
                    {.live = true, .colours = false, .unicode = false, .columns = 100}, "run a");
  progress.activity("evaluating the base model");
  progress.evaluated(0, 0.181);
  progress.step(report(1));
  progress.note("node 3 was lost");
  progress.step(report(2));
  progress.activity("evaluating");
  CHECK(screen.rows == std::vector<std::string>{
                           "run a", "step 0: pass@1 18.1 %", "node 3 was lost",
                           "###############............... step 2/4  20s left",
                           "pass@1  18.1 -> 50.0 %  _#", "reward  0.500   _#", "length  80.0    _#",
                           "12.3k tokens/s   age 1   waiting for sampler", "evaluating", ""});
  CHECK_FALSE(screen.colours);
}

TEST_CASE("progress: no line reaches the terminal's last column, at any width") {
  for (uint32_t columns = 2; columns < 90; ++columns) {
    CAPTURE(columns);
    Screen screen(columns);
    bool started = false;
    Progress progress(
        [&](std::string_view text) {
          if (started) screen.write(text);  // The title may wrap.
        },
        {.live = true, .colours = true, .unicode = true, .columns = columns}, "title");
    started = true;
    for (uint64_t step = 1; step <= 4; ++step) {
      auto r = report(step);
      r.starved_by = "日本語 reward worker of a very long name \xff\x1b[31m";
      r.pass_at_1 = 0.1;
      progress.step(r);
      progress.activity("é日本\x1b[2J");
      REQUIRE_FALSE(screen.wrapped);
      REQUIRE(screen.rows.size() == 7);  // Six lines and the cursor's: nothing remains.
    }
    CHECK(screen.colours);
  }
}

TEST_CASE("sparkline: heights are relative, the newest values are shown") {
  CHECK(sparkline({}, 5, true).empty());
  CHECK(sparkline({3, 3}, 5, false) == "__");
  CHECK(sparkline({9, 0, 1, 2, 3, 4, 5, 6, 7}, 8, true) == "▁▂▃▄▅▆▇█");
}

TEST_CASE("terminal: text is cut at columns, not bytes") {
  CHECK(columns_of("aé日\xCC\x81") == 4);  // The last two bytes are a combining accent.
  CHECK(fitted("aé日b", 3) == "aé");
  CHECK(fitted("aé日b", 4) == "aé日");
  CHECK(fitted("a\tb\x7f\xE6\x97", 9) == "a?b???");
}

TEST_CASE("progress: durations") {
  CHECK(duration_text(0.4) == "0s");
  CHECK(duration_text(59.6) == "1m00s");
  CHECK(duration_text(7620) == "2h07m");
  CHECK(duration_text(-1) == "?");
  CHECK(duration_text(1e300) == "?");
}
