#pragma once
// The Python that runs inside the sandboxes: the files of tasks/code/harness, each of which follows
// the codec in one source.

#include <string_view>

namespace thespis::tasks::harness {

extern const std::string_view kCodecSource;
extern const std::string_view kCallSource;     ///< Beside the untrusted program.
extern const std::string_view kTesterSource;   ///< Runs asserts; trusted.
extern const std::string_view kCheckerSource;  ///< Asks a puzzle's checker; trusted.
extern const std::string_view kPrepareSource;  ///< Turns asserts into data; trusted.

}  // namespace thespis::tasks::harness
