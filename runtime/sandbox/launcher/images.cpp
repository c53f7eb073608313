#include "runtime/sandbox/launcher/images.hpp"

#include "runtime/sandbox/embed.hpp"

THESPIS_EMBED(thespis_zygote_program, THESPIS_ZYGOTE_PROGRAM);
THESPIS_EMBED(thespis_zygote_library, THESPIS_ZYGOTE_LIBRARY);

namespace thespis::sandbox {

std::string_view zygote_program() {
  return THESPIS_EMBEDDED(thespis_zygote_program);
}

std::string_view zygote_library() {
  return THESPIS_EMBEDDED(thespis_zygote_library);
}

}  // namespace thespis::sandbox
