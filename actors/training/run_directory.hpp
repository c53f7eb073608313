#pragma once
// The directory of a run: whether one has begun in it, and how it is made so that it lasts.

#include <string>

#include "runtime/env/file_system.hpp"

namespace thespis {

/// True where a run has begun. Decided by what is durable from the start (the ledger's journal),
/// not by metrics alone, which a power loss may take.
bool holds_run(const env::FileSystem& files, const std::string& directory);

/// Makes it and all directories above it that are missing, durably: a checkpoint that is synced in
/// it must not vanish with its directory's name.
void make_run_directory(env::FileSystem& files, const std::string& directory);

}  // namespace thespis
