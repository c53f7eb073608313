@0x98b5a7c5141cecff;
# How nodes and workers come and go.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct WorkerJoin {
  # From a worker to the conductor's front desk; the sender is the worker. Answered by
  # WorkerAccepted.
  role @0 :Text;
  # "sampler", "reward", "reference".

  capacity @1 :UInt32;
  # Jobs it takes at a time: its first credit.
}

struct WorkerAccepted {
  workerId @0 :UInt32;
}

struct WorkerLeave {
  # From a worker that goes away in order: give me nothing more. Its unfinished jobs go to another.
  workerId @0 :UInt32;
}

struct RunRequest {
  # From a node that wants to work: what is this run?
}

struct RunDescription {
  runId @0 :UInt64;
  recipe @1 :Text;
  # Resolved, TOML.

  modelConfig @2 :Text;
  # config.json of the policy: a node needs no model file of its own.

  tokenizer @3 :Text;
  # tokenizer.json, where rollout.stop needs it on samplers.
}

struct PeerEvent {
  # From this node's own cluster to its observer; never from a peer.
  address @0 :Text;
  # Where the peer listens.
  name @1 :Text;
  kind @2 :Kind;
  detail @3 :Text;
  # Why, for people.

  enum Kind { joined @0; suspected @1; recovered @2; left @3; lost @4; }
}
