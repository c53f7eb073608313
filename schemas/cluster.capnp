@0x98b5a7c5141cecff;
# How nodes and workers come and go.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct WorkerJoin {
  # From a worker to the conductor's front desk; the sender is the worker. Answered by WorkerAccepted.
  role @0 :Text;
  # "sampler", "reward", "reference".

  capacity @1 :UInt32;
  # Jobs it takes at a time: its first credit.

  modelFingerprint @2 :UInt64;
  # Checksum of the model's configuration, 0 where the role needs no model.
}

struct WorkerAccepted {
  workerId @0 :UInt32;
  recipe @1 :Text;
  # The resolved recipe of the run, TOML: a worker needs no file of its own.
}

struct WorkerLeave {
  # From a worker that goes away in order: give me nothing more. Its unfinished jobs go to another.
  workerId @0 :UInt32;
}
