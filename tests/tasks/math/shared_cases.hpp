#pragma once
// The data sets beside the checkout, read line by line; tests skip where they are missing.

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/base/zstd.hpp"
#include "tasks/math/verify.hpp"

namespace thespis::test {

/// ../shared/data/NAME; skips the test where it is not there.
inline std::filesystem::path shared_file(const std::string& name) {
  const auto path = std::filesystem::path(THESPIS_SOURCE_DIR) / ".." / "shared" / "data" / name;
  if (!std::filesystem::exists(path)) SKIP("no " + name + " in ../shared/data");
  return path;
}

/// The rows of a JSONL file, packed or not.
inline std::vector<nlohmann::json> json_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> rows;
  std::istringstream file(read_packed_file(path, 64 << 20));
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) rows.push_back(nlohmann::json::parse(line));
  REQUIRE(!rows.empty());
  return rows;
}

struct MathCase {
  int id = 0;
  std::string gold, prediction;
  bool equal = false;
  tasks::math::VerifyOptions options;
};

/// The cases of Math-Verify's rules.
inline std::vector<MathCase> math_verify_cases() {
  std::vector<MathCase> cases;
  for (const auto& row : json_lines(shared_file("math_equiv/math_equiv.shared.jsonl"))) {
    if (row.at("semantics") != "math_verify") continue;
    MathCase c{row.at("id"), row.at("gold"), row.at("prediction"), row.at("expected_equal"), {}};
    const auto& options = row.at("options");
    if (options.contains("match_types")) {
      c.options.notation = {false, false};
      for (const std::string type : options["match_types"])
        (type == "latex" ? c.options.notation.latex : c.options.notation.plain) = true;
    }
    if (options.contains("precision")) c.options.compare.decimals = options["precision"];
    if (options.contains("allow_set_relation_comp"))
      c.options.compare.relations_as_sets = options["allow_set_relation_comp"];
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace thespis::test
