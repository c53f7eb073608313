#pragma once
// What keys must obey together. A single key's type and range are the table's business (keys.hpp).

#include "runtime/config/load.hpp"

namespace thespis::config {

/// Throws InputError that names the two keys, their values and where the first came from.
void check_together(const Loaded& loaded);

}  // namespace thespis::config
