#pragma once
// Which job a message is about, and the message that calls a job off.

#include <cstdint>

#include "runtime/wire/message.hpp"
#include "schemas/rollout.capnp.h"

namespace thespis {

/// Names the work, not the attempt: a job that is issued again keeps its key.
struct JobKey {
  uint64_t group = 0;
  uint32_t sample = 0;
  bool operator==(const JobKey&) const = default;
};

/// Of any message of schemas/rollout.capnp that has a job.
template <class T>
JobKey key_of(const wire::Message<T>& message) {
  const auto job = message.read();
  return {job->getJob().getGroup(), job->getJob().getSample()};
}

inline void set_key(wire::JobId::Builder job, const JobKey& key) {
  job.setGroup(key.group);
  job.setSample(key.sample);
}

inline wire::Message<wire::Cancel> cancel_of(const JobKey& key) {
  return wire::Message<wire::Cancel>::build(
      [&](wire::Cancel::Builder cancel) { set_key(cancel.initJob(), key); });
}

}  // namespace thespis
