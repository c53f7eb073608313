@0x8d0b9394fcfa4cd2;
# A finished group: what an episode hands over and the learner learns from.

using Cxx = import "/capnp/c++.capnp";
using Rollout = import "rollout.capnp".Rollout;
using Verdict = import "rollout.capnp".Verdict;
$Cxx.namespace("thespis::wire");

struct Group {
  id @0 :UInt64;
  # The number of the admission in this run.

  promptIndex @1 :UInt64;
  # Position in the data set's order, epochs counted through.

  admittedVersion @2 :UInt64;
  prompt @3 :List(Int32);
  task @4 :Text;
  # The row of the data set, for people.

  samples @5 :List(Sample);
  timing @6 :Timing;

  struct Sample {
    tokens @0 :List(Int32);
    logprobs @1 :List(Float32);
    versions @2 :List(UInt64);
    referenceLogprobs @3 :List(Float32);
    # Empty where the run has no reference.

    finish @4 :Rollout.Finish;
    score @5 :Float32;
    components @6 :List(Verdict.Component);
    text @7 :Text;
    logKept @8 :List(Float32);
    # As a rollout's.
  }

  struct Timing {
    # Seconds, for the question who was waited for.
    sampling @0 :Float64;
    # From admission to the last rollout.

    reward @1 :Float64;
    # From the last rollout to the last verdict.

    reference @2 :Float64;
    # From the last rollout to the last reference score.
  }
}
