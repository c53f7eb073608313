#pragma once
// Bugs on demand, to prove that the simulator's checkers find them: a mutant exists only in builds
// with THESPIS_MUTANTS (the presets with tests), and is asleep there until a test wakes it.

#include <string_view>

namespace thespis::env {

/// The mutant that is awake in this thread; empty: none.
inline thread_local std::string_view mutant;

#ifdef THESPIS_MUTANTS
inline constexpr bool kHasMutants = true;
#define THESPIS_MUTANT(name) (::thespis::env::mutant == #name)
#else
inline constexpr bool kHasMutants = false;
#define THESPIS_MUTANT(name) false
#endif

}  // namespace thespis::env
