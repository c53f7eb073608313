#include "runtime/cluster/error_text.hpp"

#include <caf/atom.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>

#include <string>

#include "schemas/transport.capnp.h"

namespace thespis::cluster {
namespace {

// The usual context is one string; anything else is worth a rendering, no more.
std::string context_text(const caf::message& context) {
  if (context.empty()) return {};
  if (context.match_elements<std::string>()) return context.get_as<std::string>(0);
  return to_string(context);
}

}  // namespace

wire::Frame error_to_frame(const caf::error& error) {
  if (!error) return {};
  return wire::Message<wire::ErrorText>::build([&](wire::ErrorText::Builder out) {
           out.setCode(error.code());
           out.setCategory(static_cast<uint64_t>(error.category()));
           out.setText(context_text(error.context()));
         })
      .frame();
}

caf::error error_from_frame(wire::Frame frame) {
  if (frame.words == nullptr) return {};
  const auto message = wire::Message<wire::ErrorText>::adopt(std::move(frame));
  const auto in = message.read();
  if (in->getCode() == 0) return {};
  const auto category = static_cast<caf::atom_value>(in->getCategory());
  const std::string text = in->getText();
  if (text.empty()) return caf::error(in->getCode(), category);
  return caf::error(in->getCode(), category, caf::make_message(text));
}

}  // namespace thespis::cluster
