#pragma once
// How a job gets into a pool: where the queue is full it waits with its sender until there is room.
// A full queue pushes back; it is no verdict on the job, whose group must not be dropped for it.

#include <utility>

#include "actors/base/messages.hpp"

namespace thespis {

/// What a pool answers to a job for which it has no room now; (room_atom, bytes) is then answered
/// as soon as it has, or with an error where nobody is there to work the queue off.
constexpr caf::sec kQueueFull = caf::sec::unavailable_or_would_block;

/// Sends `job` to `pool`, as often as its queue takes; `answered` gets the Message<Reply>, `failed`
/// the error. Waits without limit of its own: the pool's deadlines and the sender's are for that.
template <class Reply, class Job, class Answered, class Failed>
void ask(caf::event_based_actor& self, const caf::actor& pool, const wire::Message<Job>& job,
         Answered answered, Failed failed) {
  self.request(pool, caf::infinite, job)
      .then([answered](const wire::Message<Reply>& reply) { answered(reply); },
            [&self, pool, job, answered, failed](const caf::error& error) {
              if (error != kQueueFull) return failed(error);
              self.request(pool, caf::infinite, room_atom::value, job.size_bytes())
                  .then([&self, pool, job, answered,
                         failed](room_atom) { ask<Reply>(self, pool, job, answered, failed); },
                        failed);
            });
}

}  // namespace thespis
