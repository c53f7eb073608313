#pragma once
// Continuous batching: sequences join and leave between decode steps, each in a slot of its own.
//   GN-1  A sequence's tokens and log-probs depend on its request and on the policies installed
//         while it ran, never on its neighbours, its slot, the threads or shared pages.
//   GN-2  A log-prob is, bit for bit, what score() and Trainer::step() compute for the same tokens
//         under the same policy (temperature 0, greedy, records the untempered log-prob).
//   GN-3  A slot is free as soon as step() has returned its sequence; its pages too.
// Not thread-safe: one owner calls it; the pool may be shared.

#include <cstdint>
#include <memory>
#include <vector>

#include "gpu/thread_pool.hpp"
#include "model/engine/policy.hpp"
#include "model/engine/sequence.hpp"

namespace thespis::model {

class Generator {
 public:
  /// InputError where the limits do not fit the model.
  Generator(std::shared_ptr<const Policy> policy, GeneratorLimits limits, gpu::ThreadPool& pool);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  /// Between steps. Sequences in flight go on with the keys and values they have.
  void install(std::shared_ptr<const Policy> policy);
  bool has_free_slot() const { return free_slots() > 0; }
  uint32_t free_slots() const;
  uint32_t active_count() const;
  /// What a sequence in flight has so far; empty where there is none with this id.
  std::vector<int32_t> tokens_of(uint64_t id) const;
  /// Needs a free slot. InputError if the prompt is empty, prompt + max_tokens exceeds context_max,
  /// or a token is outside the vocabulary.
  void add(SequenceRequest request);
  /// True if such a sequence was in flight: the next step() returns it as kCancelled.
  bool cancel(uint64_t id);
  /// One token for each active sequence (the prefill of new ones included); returns those that
  /// ended. Error if the logits of a sequence are not finite.
  std::vector<FinishedSequence> step();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
