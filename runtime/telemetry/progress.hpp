#pragma once
// What a user sees of a run: on a terminal a block of lines that is drawn over, elsewhere a plain
// line a step. Draws only when told something; has no clock and no thread.
// Any number of threads may tell it things.
//   P-1  No line is wider than the terminal, so that drawing over never leaves remains.
//   P-2  Not on a terminal: no escape sequences, no colours, one line for each step and each note.

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/telemetry/terminal.hpp"

namespace thespis::telemetry {

struct StepReport {
  uint64_t step = 0;  ///< Steps done.
  uint64_t steps = 0;
  double reward = 0;           ///< Mean.
  double response_length = 0;  ///< Mean, tokens.
  double tokens_per_s = 0;
  uint64_t age_max = 0;
  double seconds = 0;               ///< That this step took.
  std::string starved_by;           ///< Who was waited for most; "" for nobody.
  std::optional<double> pass_at_1;  ///< Where this step was evaluated, 0 to 1.
};

class Progress {
 public:
  using Write = std::function<void(std::string_view)>;
  /// `write` gets whole texts to show; it outlives this. `title` is shown once: recipe, model,
  /// directory.
  Progress(Write write, Terminal terminal, std::string_view title);

  void step(const StepReport& report);
  /// What is going on now, while no step is done: "evaluating the base model, 120 of 256".
  void activity(std::string_view text);
  /// A line that stays: a node was lost, a checkpoint was rejected, an evaluation is done.
  void note(std::string_view text);
  /// pass@1 of an evaluation that belongs to no step report, of the base model for example.
  void evaluated(uint64_t step, double pass_at_1);
  /// Leaves the block as it is and the cursor below it. Nothing is drawn over from here on.
  void finish();

 private:
  std::vector<std::string> block() const;
  std::string plain_line() const;
  std::string eta() const;
  std::string colour(std::string_view text, int code) const;
  void push_pass(double pass_at_1);
  void show_note(std::string_view text);
  void draw();
  void erase();

  Write write_;
  Terminal terminal_;
  std::mutex mutex_;  // Held by every public function; guards all below and the order of writes.
  StepReport last_;
  std::string activity_;
  std::deque<double> rewards_, lengths_, seconds_;  // Of the last kHistory steps.
  std::deque<double> passes_;                       // Of the last kHistory evaluations.
  double base_pass_ = 0;                            // Of the first.
  uint32_t drawn_lines_ = 0;
};

/// `values` as bars of 8 heights, lowest to highest value; the last `columns` of them.
std::string sparkline(const std::deque<double>& values, uint32_t columns, bool unicode);

/// "45s", "3m05s", "2h07m".
std::string duration_text(double seconds);

}  // namespace thespis::telemetry
