@0xc4d1f6b2a97e3058;
# What two nodes say to each other about their connection, once both have proved that they know the
# secret.
#
# Each Control is one record of the control connection (tcp, authenticated record by record). The
# roles' messages do not go here but through UCX.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("thespis::wire");

struct Control {
  union {
    offer @0 :Offer;
    answer @1 :Answer;
    ready @2 :Ready;
    heartbeat @3 :Heartbeat;
    leave @4 :Leave;
  }
}

struct Offer {
  # From the node that dialled.
  name @0 :Text;
  address @1 :Text;
  # Where it listens itself.

  memoryDomain @2 :UInt64;
  # Processes with the same number can share memory.

  path @3 :Path;
  enum Path { auto @0; tcp @1; sharedMemory @2; }
}

struct Answer {
  refusal @0 :Text;
  # Not empty: why not; then nothing else is set.

  name @1 :Text;
  address @2 :Text;
  sharedMemory @3 :Bool;
  # How messages will go.

  front @4 :UInt64;
  channel @5 :Channel;
}

struct Ready {
  # From the node that dialled: its end of the channel. Messages may flow.
  channel @0 :Channel;
}

struct Channel {
  workerAddress @0 :Data;
  # ucp_worker_get_address(); opaque.

  token @1 :UInt64;
  # Drawn by the receiver; every frame sent to it carries this number, others are not looked at.
}

struct Heartbeat {
  sent @0 :UInt64;
  received @1 :UInt64;
  # Frames of this connection so far, as the sender of the heartbeat counts them.
}

struct Leave {
  # The node goes away in order; it sent this many frames.
  sent @0 :UInt64;
}

struct ErrorText {
  # A caf::error, as a reply or as the reason why an actor ended. Code 0: no error.
  code @0 :UInt8;
  category @1 :UInt64;
  text @2 :Text;
}
