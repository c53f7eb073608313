#include "runtime/wire/registry.hpp"

#include <kj/exception.h>
#include <caf/make_message.hpp>

#include "runtime/base/error.hpp"
#include "schemas/cluster.capnp.h"
#include "schemas/group.capnp.h"
#include "schemas/ranks.capnp.h"
#include "schemas/rollout.capnp.h"
#include "schemas/weights.capnp.h"

namespace thespis::wire {
namespace {

template <class T>
caf::message message_of(Frame frame, const FrameCheck& check) {
  auto message = Message<T>::adopt(std::move(frame));
  check.check(capnp::AnyStruct::Reader(*message.read()));
  return caf::make_message(std::move(message));
}

template <class T>
Frame frame_of(const caf::type_erased_tuple& one) {
  return one.get_as<Message<T>>(0).frame();
}

template <class T>
Registry::Entry entry(std::string_view name) {
  return {Message<T>::type_id(), name,
          typeid(Message<T>),    std::make_shared<const FrameCheck>(capnp::Schema::from<T>()),
          &message_of<T>,        &frame_of<T>};
}

}  // namespace

Registry Registry::all() {
  return Registry({
      entry<WorkerJoin>("WorkerJoin"),
      entry<WorkerAccepted>("WorkerAccepted"),
      entry<WorkerLeave>("WorkerLeave"),
      entry<RunRequest>("RunRequest"),
      entry<RunDescription>("RunDescription"),
      entry<PeerEvent>("PeerEvent"),
      entry<Generate>("Generate"),
      entry<Rollout>("Rollout"),
      entry<Judge>("Judge"),
      entry<Verdict>("Verdict"),
      entry<Score>("Score"),
      entry<Scores>("Scores"),
      entry<Failure>("Failure"),
      entry<Cancel>("Cancel"),
      entry<Group>("Group"),
      entry<WeightManifest>("WeightManifest"),
      entry<WeightAck>("WeightAck"),
      entry<RankPlace>("RankPlace"),
      entry<RankPiece>("RankPiece"),
      entry<RankTaken>("RankTaken"),
      entry<RankFailure>("RankFailure"),
      entry<LearnerStep>("LearnerStep"),
  });
}

Registry::Registry(std::vector<Entry> entries) : entries_(std::move(entries)) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const bool new_id = by_id_.emplace(entries_[i].type_id, i).second;
    const bool new_type = by_type_.emplace(entries_[i].cpp_type, i).second;
    THESPIS_ASSERT(new_id && new_type);
  }
}

caf::message Registry::to_message(uint64_t type_id, Frame frame) const {
  const auto found = by_id_.find(type_id);
  if (found == by_id_.end())
    throw Error("a message of unknown type " + std::to_string(type_id) +
                ": run the same release on all nodes");
  const Entry& entry = entries_[found->second];
  if (frame.words == nullptr)
    throw Error("an empty frame where a " + std::string(entry.name) + " should be");
  try {
    return entry.to_message(std::move(frame), *entry.check);
  } catch (const kj::Exception& e) {
    throw Error("a malformed " + std::string(entry.name) + ": " + e.getDescription().cStr());
  }
}

std::optional<Registry::Outgoing> Registry::to_frame(const caf::type_erased_tuple& message) const {
  if (message.size() != 1) return std::nullopt;
  const std::type_info* type = message.type(0).second;  // Null for CAF's own types.
  if (type == nullptr) return std::nullopt;
  const auto found = by_type_.find(*type);
  if (found == by_type_.end()) return std::nullopt;
  const Entry& entry = entries_[found->second];
  return Outgoing{entry.type_id, entry.to_frame(message)};
}

}  // namespace thespis::wire
