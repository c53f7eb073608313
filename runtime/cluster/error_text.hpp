#pragma once
// A caf::error as a frame: code, category and text. Context beyond text does not cross nodes.

#include <caf/error.hpp>

#include "runtime/wire/message.hpp"

namespace thespis::cluster {

wire::Frame error_to_frame(const caf::error& error);
/// An empty frame is "no error". Throws kj::Exception for a malformed frame.
caf::error error_from_frame(wire::Frame frame);

}  // namespace thespis::cluster
