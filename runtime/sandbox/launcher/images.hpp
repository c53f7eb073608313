#pragma once
// The zygote's two files, which travel inside the launcher.

#include <string_view>

namespace thespis::sandbox {

std::string_view zygote_program();  ///< Python.
std::string_view zygote_library();  ///< A shared object.

}  // namespace thespis::sandbox
