#pragma once
// Registry: which Cap'n Proto structs may cross nodes, and how each becomes a caf::message and
// back.
//   R-1  A CAF message that crosses nodes has exactly one element, a wire::Message<T> of a listed
//   T. R-2  A frame from a peer is walked once, whole, before an actor sees it: reading it later
//   cannot throw
//        for its structure (a Text without its NUL still can).

#include <caf/fwd.hpp>
#include <caf/message.hpp>
#include <caf/type_erased_tuple.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

#include "runtime/wire/frame_check.hpp"
#include "runtime/wire/message.hpp"

namespace thespis::wire {

class Registry {
 public:
  struct Entry {
    uint64_t type_id;
    std::string_view name;
    std::type_index cpp_type;  ///< Of Message<T>.
    std::shared_ptr<const FrameCheck> check;
    caf::message (*to_message)(Frame frame, const FrameCheck& check);  ///< Throws kj::Exception.
    Frame (*to_frame)(const caf::type_erased_tuple& one);  ///< `one` holds a Message<T>.
  };
  /// What a CAF message becomes on the wire.
  struct Outgoing {
    uint64_t type_id;
    Frame frame;
  };

  explicit Registry(std::vector<Entry> entries);
  /// Every message of schemas/, listed in registry.cpp.
  static Registry all();

  /// Throws thespis::Error for an unknown type id or a malformed frame.
  caf::message to_message(uint64_t type_id, Frame frame) const;
  /// Nothing where the message does not satisfy R-1.
  std::optional<Outgoing> to_frame(const caf::type_erased_tuple& message) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::unordered_map<uint64_t, size_t> by_id_;
  std::unordered_map<std::type_index, size_t> by_type_;
};

}  // namespace thespis::wire
