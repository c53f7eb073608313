#pragma once
// Always-on assertions for bugs of our own. Never for what a peer, a file or a model may send.

namespace thespis {

/// Prints the place and the expression, then aborts.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

}  // namespace thespis

#define THESPIS_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::thespis::assert_failed(#condition, __FILE__, __LINE__))
