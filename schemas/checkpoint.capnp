@0xef14d5e332c68ab9;
# What a checkpoint holds: the last file that is written into its directory, beside the blobs.
#
# Fields are only ever added, at the end; a retired field keeps its number and is renamed obsoleteN.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct CheckpointManifest {
  step @0 :UInt64;
  # Optimizer steps done. The directory's name says the same.

  policyVersion @1 :UInt64;
  runId @2 :UInt64;

  recipe @3 :Text;
  # The resolved recipe of the run, TOML.

  blobs @4 :List(Blob);

  struct Blob {
    name @0 :Text;
    # Of the file: "weights", "moments", "ledger", ...

    sizeBytes @1 :UInt64;
    checksum @2 :UInt64;
    # XXH3-64 of the file's bytes.
  }
}
