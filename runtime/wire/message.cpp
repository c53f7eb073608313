#include "runtime/wire/message.hpp"

#include <cstring>

#include "runtime/base/error.hpp"

namespace thespis::wire {

Frame Frame::own(kj::Array<capnp::word> words) {
  auto owner = std::make_shared<kj::Array<capnp::word>>(kj::mv(words));
  Frame frame;
  frame.words = owner->begin();
  frame.word_count = owner->size();
  frame.owner = std::move(owner);
  return frame;
}

Frame Frame::copy(std::span<const uint8_t> bytes) {
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0)
    throw Error("a frame of " + std::to_string(bytes.size()) + " bytes: not whole 8-byte words");
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), bytes.data(), bytes.size());
  return own(kj::mv(words));
}

}  // namespace thespis::wire
