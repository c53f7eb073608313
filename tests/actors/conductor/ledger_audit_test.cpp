// Goal: the audit accepts what a right ledger writes and names each way in which a prompt can be
// lost or counted twice; it can fail.

#include "actors/conductor/ledger_audit.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace thespis;

namespace {

LedgerAudit audit(std::vector<std::string> events) {
  return audit_ledger(events);
}

}  // namespace

TEST_CASE("ledger audit: a clean run with a drop and a filter", "[actors]") {
  const auto a = audit({"admit 0 0 0", "admit 1 1 0", "admit 2 2 0", "commit 0", "drop 1 no worker",
                        "filter 2", "admit 3 3 0", "consume 0 0", "step 1 1"});
  CHECK(a.violations.empty());
  CHECK(a.admitted == 4);
  CHECK(a.consumed == 1);
  CHECK(a.dropped == 1);
  CHECK(a.filtered == 1);
  CHECK(a.open == 1);
}

TEST_CASE("ledger audit: a resume voids what came after the step that was kept", "[actors]") {
  const auto a =
      audit({"admit 0 0 0", "consume 0 0", "step 1 1", "admit 1 1 1", "consume 1 1", "step 2 2",
             "admit 2 2 2", "resume 1 1", "admit 1 1 1", "consume 1 1", "step 2 2"});
  CHECK(a.violations.empty());
  CHECK(a.consumed == 2);
  CHECK(a.resumes == 1);
}

TEST_CASE("ledger audit: finds a prompt that counts twice or was never admitted", "[actors]") {
  CHECK_FALSE(audit({"admit 0 0 0", "consume 0 0", "consume 0 1"}).violations.empty());
  CHECK_FALSE(audit({"consume 7 0"}).violations.empty());
  CHECK_FALSE(audit({"admit 0 0 0", "consume 0 0", "admit 0 0 1"}).violations.empty());
  CHECK_FALSE(
      audit({"admit 0 5 0", "admit 1 5 0", "consume 0 0", "consume 1 0"}).violations.empty());
  CHECK_FALSE(audit({"admit 0 0 0", "admit 2 2 0"}).violations.empty());
  CHECK_FALSE(audit({"resume 3 3"}).violations.empty());
}
