@0xac7bf73afc0ef563;
# What the roles say to each other about one prompt: generate, judge, score, and their answers.
#
# Fields are only ever added, at the end; a retired field keeps its number and is renamed obsoleteN.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct JobId {
  # One sample of one group. Names the work, not the attempt: a re-issued job keeps its id.
  group @0 :UInt64;
  # Index of the prompt's admission in this run: the ledger's number.

  sample @1 :UInt32;
  # Index within the group, 0 .. group size - 1.
}

struct Generate {
  # To a sampler: write one completion. Answered by Rollout.
  job @0 :JobId;
  prompt @1 :List(Int32);
  maxTokens @2 :UInt32;
  temperature @3 :Float32;
  randomSeed @4 :UInt64;
  # With (job.group, job.sample, position) the key of every random number: the promise SEED.

  randomStream @5 :UInt64;
  # Stands for job.group in that key, so that an evaluation draws other numbers than training.

  pinnedVersion @6 :UInt64;
  # The policy version to sample under, + 1; 0 means whatever is newest, also in flight.

  stopTokens @7 :List(Int32);
  deadlineMs @8 :UInt32;

  minVersion @9 :UInt64;
  # The sampler starts no token under older weights than these: it waits for them.

  topP @10 :Float32 = 1;
  topK @11 :UInt32;
  minP @12 :Float32;
  # What each draw leaves out; as they are here, nothing.
}

struct Rollout {
  job @0 :JobId;
  tokens @1 :List(Int32);
  logprobs @2 :List(Float32);
  # Of each token under the policy that sampled it, at the sampling temperature, of the whole
  # distribution.

  versions @3 :List(UInt64);
  # The policy version that sampled each token.

  finish @4 :Finish;
  enum Finish { stop @0; length @1; cancelled @2; }

  logKept @5 :List(Float32);
  # By token, the logarithm of the probability of all tokens that could be drawn: a log-prob less
  # this is that of the distribution which was sampled. Empty where none was left out.
}

struct Judge {
  # To a reward worker. Answered by Verdict.
  job @0 :JobId;
  kind @1 :Text;
  # Which verifier judges: "countdown", ...

  task @2 :Text;
  # What that verifier needs, as JSON: the row of the data set.

  completion @3 :Text;
  finish @4 :Rollout.Finish;
}

struct Verdict {
  job @0 :JobId;
  outcome @1 :Outcome;
  score @2 :Float32;
  # Only where outcome is scored; a failure to judge is never a score (the promise VERDICT).

  components @3 :List(Component);
  answer @4 :Text;
  # Canonical form of the answer for majority votes; empty where there is none.

  detail @5 :Text;
  # For people: why.

  enum Outcome { scored @0; timedOut @1; crashed @2; refused @3; infrastructure @4; }
  struct Component { name @0 :Text; value @1 :Float32; }
}

struct Score {
  # To a reference worker: log-probabilities of given tokens. Answered by Scores.
  job @0 :JobId;
  prompt @1 :List(Int32);
  completion @2 :List(Int32);
  temperature @3 :Float32;
  referenceVersion @4 :UInt64;
  # Policy version whose weights are the reference.
}

struct Scores {
  job @0 :JobId;
  logprobs @1 :List(Float32);
  # Of each completion token under the reference.
  referenceVersion @2 :UInt64;
}

struct Failure {
  # A job that was not done, as an answer. The pool re-issues it elsewhere or gives up after a
  # limit.
  job @0 :JobId;
  reason @1 :Text;
}

struct Cancel {
  # To a worker: the answer to this job is not wanted any more. No reply.
  job @0 :JobId;
}
