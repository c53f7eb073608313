#pragma once
// Looks at every pointer of a frame from a peer, by the schema, before an actor sees it: what
// Cap'n Proto would refuse when it is read throws here instead, and does not end an actor.

#include <capnp/any.h>
#include <capnp/schema.h>

#include <cstdint>
#include <map>
#include <vector>

namespace thespis::wire {

class FrameCheck {
 public:
  /// Plans the walk over `type` and what it contains. Messages have no unions, no generic and no
  /// nested-list fields: that is asserted here.
  explicit FrameCheck(capnp::StructSchema type);

  /// Throws kj::Exception at the first pointer that cannot be read as the schema says.
  void check(capnp::AnyStruct::Reader root) const { walk(root, 0); }

 private:
  enum class Kind { kText, kData, kStruct, kPlainList, kTextList, kDataList, kStructList };
  struct Field {
    uint32_t pointer;
    Kind kind;
    uint32_t plan = 0;          // Of a struct's fields: index into plans_.
    uint32_t element_bits = 0;  // Of a plain list.
  };
  using Plan = std::vector<Field>;

  uint32_t plan_for(capnp::StructSchema type);
  void add_fields(capnp::StructSchema type, Plan& plan);
  void walk(capnp::AnyStruct::Reader reader, uint32_t plan) const;

  std::map<uint64_t, uint32_t> by_type_;
  std::vector<Plan> plans_;
};

}  // namespace thespis::wire
