#include "runtime/config/card_range.hpp"

#include <catch2/catch_test_macros.hpp>

using thespis::config::card_range;

TEST_CASE("cards: one, some, none") {
  CHECK(card_range("cuda")->size() == 1);
  CHECK(card_range("cuda:3")->first == 3);
  CHECK(card_range("cuda:3")->last == 3);
  const auto four = card_range("cuda:2-5");
  REQUIRE(four);
  CHECK(four->size() == 4);
  CHECK_FALSE(four->contains(1));
  CHECK(four->contains(2));
  CHECK(four->contains(5));
  CHECK_FALSE(four->contains(6));
  for (const char* wrong : {"", "cpu", "cuda:", "cuda:x", "cuda:1-", "cuda:-1", "cuda:5-2",
                            "cuda:1-2-3", "cuda:1 ", "cuda:1000", "cuda:99999999999"})
    CHECK_FALSE(card_range(wrong));
}
