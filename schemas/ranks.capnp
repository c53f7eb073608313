@0xcbad701d4f26d79a;
# What ranks in several processes say to each other, and what the first says to those elsewhere.
# All of it goes through the first rank's process, which every other has joined.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct RankPlace {
  # From the first rank to one that has joined: its place. The sender is where all it says goes.
  group @0 :UInt64;
  # What is said in another group is ignored.

  rank @1 :UInt32;
  size @2 :UInt32;
}

struct RankPiece {
  # A part of what one rank gives to another in an operation. Answered by RankTaken once it is read.
  group @0 :UInt64;
  operation @1 :UInt64;
  # Counted from 0 by each rank: all of them do the same.

  from @2 :UInt32;
  to @3 :UInt32;
  what @4 :Text;
  offset @5 :UInt64;
  total @6 :UInt64;
  # Bytes of the whole; the parts of it come in order.

  bytes @7 :Data;
}

struct RankTaken {
}

struct RankFailure {
  # The group has failed: every operation fails with this text.
  group @0 :UInt64;
  lost @1 :Bool;
  rank @2 :UInt32;
  # That is lost, if one is.

  text @3 :Text;
}

struct LearnerStep {
  # To a learner that is a rank: the groups sent since the last of these are the batch of a step.
  group @0 :UInt64;
  step @1 :UInt64;
  groups @2 :UInt32;
}
