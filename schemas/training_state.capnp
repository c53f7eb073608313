@0xa0c64b79bcdf213d;
# What of a training a checkpoint keeps beside weights and moments.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct TrainingState {
  ledger @0 :LedgerState;
  optimizerSteps @1 :UInt64;
  policyVersion @2 :UInt64;
  referenceVersion @3 :UInt64;
}

struct LedgerState {
  # The prompts' fate, as a checkpoint keeps it.
  nextGroup @0 :UInt64;
  nextPrompt @1 :UInt64;
  open @2 :List(Open);
  # Admitted, neither consumed nor dropped: a resumed run asks for them again.

  consumed @3 :UInt64;
  dropped @4 :UInt64;
  filtered @5 :UInt64;

  struct Open { group @0 :UInt64; promptIndex @1 :UInt64; }
}
