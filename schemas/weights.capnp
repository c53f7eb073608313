@0xe38b6023461f80f3;
# Publishing a new set of policy weights from the learner to samplers and references.
#
# Bytes never travel in these messages: a manifest says where they lie (shared memory on this host,
# or registered memory to be read with UCX get), how many, and what their checksum must be.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct WeightManifest {
  policyVersion @0 :UInt64;
  runId @1 :UInt64;
  # Distinguishes restarts: a worker drops any manifest whose run is not the one it joined.

  sizeBytes @2 :UInt64;
  checksum @3 :UInt64;
  # XXH3-64 of the bytes. Verified after the read and before the weights are swapped in.

  sharedMemory @4 :Text;
  # Name of the shared-memory object, empty where there is none.

  hostId @5 :UInt64;
  # The host whose shared memory it is.

  remoteAddress @6 :UInt64;
  remoteKey @7 :Data;
  # For UCX get: ucp_rkey_pack() on the learner; opaque here. Empty where nothing is registered.

  reference @8 :Bool;
  # True: these are the reference policy's weights.
}

struct WeightAck {
  policyVersion @0 :UInt64;
  outcome @1 :Outcome;
  detail @2 :Text;
  enum Outcome { installed @0; superseded @1; corrupt @2; unreachable @3; }
}
