// The tests of a device run on emulated cards; whether they ran on this machine's too is said here.

#include <catch2/catch_test_macros.hpp>

#include "tests/support/card.hpp"

using namespace thespis;

TEST_CASE("device: the tests of devices ran on two cards of this machine as well") {
  size_t found = 0;
  try {
    found = test::real_cards(2).size();
  } catch (const InputError& error) {
    SKIP(error.what());
  }
  CHECK(found == 2);
}
