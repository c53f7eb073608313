// All tasks of a file go through one process.

#include "tasks/code/prepare.hpp"

#include <utility>

#include <fmt/format.h>

#include "runtime/base/error.hpp"
#include "tasks/code/harness.hpp"
#include "tasks/code/test_run.hpp"

namespace thespis::tasks {
namespace {

constexpr uint64_t kPreparedBytesMax = 256ULL << 20;

Value payload(const std::vector<Asserts>& tasks) {
  std::vector<Value> list;
  for (const Asserts& task : tasks) {
    std::vector<Value> lines;
    for (const std::string& line : task.lines) lines.push_back(Value::of(line));
    Value tests = task.check.empty() ? Value::list(std::move(lines)) : Value::of(task.check);
    list.push_back(Value::tuple({std::move(tests), Value::of(task.function)}));
  }
  return Value::list(std::move(list));
}

CodeTest test_of(const Value& prepared) {
  const auto& parts = prepared.items;
  CodeTest test;
  const std::string& kind = parts.at(0).text;
  if (kind == "call") {
    test.kind = CodeTest::Kind::kCall;
    test.function = parts.at(1).text;
    test.arguments = parts.at(2).items;
    test.expected = parts.at(3);
  } else if (kind == "expression") {
    test.kind = CodeTest::Kind::kExpression;
    test.source = parts.at(1).text;
    test.expected = parts.at(2);
  } else {
    test.kind = CodeTest::Kind::kAssert;
    for (const Value& function : parts.at(1).items) test.functions.push_back(function.text);
    test.source = parts.at(2).text;
  }
  return test;
}

}  // namespace

std::vector<std::vector<CodeTest>> prepare_asserts(const std::vector<Asserts>& tasks,
                                                   sandbox::Sandbox& sandbox) {
  sandbox::Job job;
  job.program = harness_program("prepare");
  job.input = to_text(payload(tasks));
  job.limits.cpu_s = 60;
  job.limits.wall_s = 300;
  job.limits.memory_bytes = 1ULL << 30;
  job.limits.result_bytes = kPreparedBytesMax;
  std::optional<sandbox::Outcome> outcome;
  if (sandbox.run(std::move(job), [&](sandbox::Outcome o) { outcome = std::move(o); }) == 0)
    throw Error("asserts cannot be prepared: the sandbox's queue is full");
  while (!outcome) sandbox.poll(-1);
  const TestReport ending = report_of(*outcome);
  const auto [values, whole] = parse_values(outcome->result, {kPreparedBytesMax, 64});
  if (ending.verdict != CodeVerdict::kPassed || !whole || values.size() != tasks.size())
    throw Error(fmt::format("asserts cannot be prepared: {}", ending.detail));
  std::vector<std::vector<CodeTest>> prepared;
  for (const Value& list : values) {
    auto& tests = prepared.emplace_back();
    for (const Value& test : list.items) tests.push_back(test_of(test));
  }
  return prepared;
}

}  // namespace thespis::tasks
