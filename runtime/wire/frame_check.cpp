#include "runtime/wire/frame_check.hpp"

#include <kj/debug.h>

#include "runtime/base/assert.hpp"

namespace thespis::wire {
namespace {

uint32_t bits_of(capnp::Type type) {
  switch (type.which()) {
    case capnp::schema::Type::VOID:
      return 0;
    case capnp::schema::Type::BOOL:
      return 1;
    case capnp::schema::Type::INT8:
    case capnp::schema::Type::UINT8:
      return 8;
    case capnp::schema::Type::INT16:
    case capnp::schema::Type::UINT16:
    case capnp::schema::Type::ENUM:
      return 16;
    case capnp::schema::Type::INT32:
    case capnp::schema::Type::UINT32:
    case capnp::schema::Type::FLOAT32:
      return 32;
    default:
      return 64;
  }
}

// Reading a list as the type of its width makes Cap'n Proto check its bounds and its encoding.
void check_plain_list(capnp::AnyPointer::Reader pointer, uint32_t bits) {
  switch (bits) {
    case 0:
      return static_cast<void>(pointer.getAs<capnp::List<capnp::Void>>());
    case 1:
      return static_cast<void>(pointer.getAs<capnp::List<bool>>());
    case 8:
      return static_cast<void>(pointer.getAs<capnp::List<uint8_t>>());
    case 16:
      return static_cast<void>(pointer.getAs<capnp::List<uint16_t>>());
    case 32:
      return static_cast<void>(pointer.getAs<capnp::List<uint32_t>>());
    default:
      return static_cast<void>(pointer.getAs<capnp::List<uint64_t>>());
  }
}

}  // namespace

FrameCheck::FrameCheck(capnp::StructSchema type) {
  plan_for(type);
}

uint32_t FrameCheck::plan_for(capnp::StructSchema type) {
  const uint64_t id = type.getProto().getId();
  const auto known = by_type_.find(id);
  if (known != by_type_.end()) return known->second;
  const auto index = static_cast<uint32_t>(plans_.size());
  by_type_.emplace(id, index);  // Before its fields: a type may contain itself.
  plans_.emplace_back();
  Plan plan;
  add_fields(type, plan);
  plans_[index] = std::move(plan);
  return index;
}

void FrameCheck::add_fields(capnp::StructSchema type, Plan& plan) {
  THESPIS_ASSERT(type.getUnionFields().size() == 0);
  for (const auto field : type.getFields()) {
    const capnp::Type kind = field.getType();
    if (field.getProto().isGroup()) {
      add_fields(kind.asStruct(), plan);
      continue;
    }
    Field planned{.pointer = field.getProto().getSlot().getOffset(), .kind = Kind::kText};
    if (kind.isText()) {
      plan.push_back(planned);
    } else if (kind.isData()) {
      planned.kind = Kind::kData;
      plan.push_back(planned);
    } else if (kind.isStruct()) {
      planned.kind = Kind::kStruct;
      planned.plan = plan_for(kind.asStruct());
      plan.push_back(planned);
    } else if (kind.isList()) {
      const capnp::Type element = kind.asList().getElementType();
      THESPIS_ASSERT(!element.isList() && !element.isAnyPointer() && !element.isInterface());
      if (element.isStruct()) {
        planned.kind = Kind::kStructList;
        planned.plan = plan_for(element.asStruct());
      } else if (element.isText() || element.isData()) {
        planned.kind = element.isText() ? Kind::kTextList : Kind::kDataList;
      } else {
        planned.kind = Kind::kPlainList;
        planned.element_bits = bits_of(element);
      }
      plan.push_back(planned);
    } else {
      THESPIS_ASSERT(!kind.isAnyPointer() && !kind.isInterface());
    }
  }
}

void FrameCheck::walk(capnp::AnyStruct::Reader reader, uint32_t plan) const {
  const auto pointers = reader.getPointerSection();
  for (const Field& field : plans_[plan]) {
    if (field.pointer >= pointers.size()) continue;  // An older peer: the field is not there.
    const capnp::AnyPointer::Reader pointer = pointers[field.pointer];
    if (pointer.isNull()) continue;
    switch (field.kind) {
      case Kind::kText:
        static_cast<void>(pointer.getAs<capnp::Text>());
        break;
      case Kind::kData:
        static_cast<void>(pointer.getAs<capnp::Data>());
        break;
      case Kind::kStruct:
        walk(pointer.getAs<capnp::AnyStruct>(), field.plan);
        break;
      case Kind::kPlainList:
        check_plain_list(pointer, field.element_bits);
        break;
      case Kind::kTextList:
        for (const auto text : pointer.getAs<capnp::List<capnp::Text>>()) static_cast<void>(text);
        break;
      case Kind::kDataList:
        for (const auto data : pointer.getAs<capnp::List<capnp::Data>>()) static_cast<void>(data);
        break;
      case Kind::kStructList: {
        const auto list = pointer.getAs<capnp::AnyList>();
        KJ_REQUIRE(list.getElementSize() != capnp::ElementSize::BIT,
                   "a list of bits, not of structs");
        for (const capnp::AnyStruct::Reader element : list.as<capnp::List<capnp::AnyStruct>>())
          walk(element, field.plan);
        break;
      }
    }
  }
}

}  // namespace thespis::wire
