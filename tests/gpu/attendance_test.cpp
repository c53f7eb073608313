// Goal: whoever waits in vain is told who is missing, and soon where that is certain.

#include "gpu/attendance.hpp"

#include <catch2/catch_test_macros.hpp>

using thespis::gpu::Attendance;

TEST_CASE("attendance: names those behind, and where they were last") {
  Attendance a(3);
  a.joins(0);
  a.joins(1);
  CHECK_FALSE(a.all_joined());
  CHECK(a.missing(0).why == "member 2 is missing: it has not joined");
  CHECK(a.missing(0).member == 2);
  a.joins(2);
  CHECK(a.all_joined());
  a.comes(0, "one");
  a.comes(1, "one");
  a.comes(0, "two");
  CHECK(a.missing(0).why ==
        "member 1 is missing: it was last at one; member 2 is missing: it has called nothing yet");
  a.comes(1, "two");
  for (const char* what : {"one", "two", "three"}) a.comes(2, what);
  CHECK(a.missing(0).why == "all members have come: a card or a link does not answer");
}

TEST_CASE("attendance: a call is lost where another cannot come to it any more") {
  Attendance a(2);
  for (uint32_t m : {0, 1}) {
    a.joins(m);
    a.comes(m, "one");
  }
  a.leaves(1);
  CHECK_FALSE(a.lost(0));  // Both came to this one.
  a.comes(0, "two");
  REQUIRE(a.lost(0));
  CHECK(a.lost(0)->why == "member 1 has left after one");
  CHECK(a.lost(0)->member == 1);

  Attendance b(2);
  for (uint32_t m : {0, 1}) {
    b.joins(m);
    b.comes(m, "one");
  }
  b.gives_up(1, "waited too long");
  b.leaves(1);
  CHECK(b.has_given_up(1));
  REQUIRE(b.lost(0));
  CHECK(b.lost(0)->why == "member 1 gave up: waited too long");  // It came, but did not end it.
}
