// thespis doctor: a table of what is there and what follows from it.

#include <algorithm>

#include <fmt/format.h>

#include "app/machine.hpp"
#include "app/verbs.hpp"

namespace thespis::app {

int run_doctor() {
  std::vector<Finding> all = {find_processor(), find_memory(), find_shared_memory(),
                              find_cuda_driver(), find_cuda_toolkit()};
  for (auto& finding : find_ucx()) all.push_back(std::move(finding));
  for (auto& finding : find_sandbox()) all.push_back(std::move(finding));
  size_t what_columns = 0;
  for (const Finding& finding : all) what_columns = std::max(what_columns, finding.what.size());
  for (const Finding& finding : all) {
    fmt::print("{:<{}}  {}\n", finding.what, what_columns, finding.found);
    fmt::print("{:<{}}  -> {}\n", "", what_columns, finding.therefore);
  }
  return 0;
}

}  // namespace thespis::app
