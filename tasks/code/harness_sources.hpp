#pragma once
// The texts of tasks/code/harness/*.py, which the build makes constants of.

#include <string_view>

namespace thespis::tasks::harness {

extern const std::string_view kCodecSource, kCallSource, kTesterSource, kCheckerSource,
    kPrepareSource;

}  // namespace thespis::tasks::harness
