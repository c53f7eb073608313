#include "tasks/programs/stack_program.hpp"

#include <xxhash.h>

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/assert.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {
namespace {

constexpr int64_t kArgumentMax = 20;

bool is_operator(char c) {
  return c == '+' || c == '-' || c == '*';
}

/// Runs the program over any type of stack entry.
template <class T, class Operand, class Operator>
T walk(std::string_view text, const Operand& operand, const Operator& combine) {
  std::vector<T> stack;
  for (const char c : text) {
    if (!is_operator(c)) {
      stack.push_back(operand(c));
      continue;
    }
    THESPIS_ASSERT(stack.size() >= 2);
    T right = std::move(stack.back());
    stack.pop_back();
    stack.back() = combine(std::move(stack.back()), c, std::move(right));
  }
  THESPIS_ASSERT(stack.size() == 1);
  return stack[0];
}

char draw_operand(env::KeyedRandom& random) {
  const uint32_t kind = random.below(10);
  if (kind < 3) return 'x';
  if (kind < 6) return 'y';
  return static_cast<char>('1' + random.below(9));
}

}  // namespace

std::vector<std::string> steps_of(const StackProgram& program, int swapped) {
  std::vector<std::string> steps;
  walk<std::string>(
      program.text, [](char c) { return std::string(1, c); },
      [&](std::string left, char op, std::string right) {
        if (static_cast<int>(steps.size()) == swapped) std::swap(left, right);
        return steps.emplace_back("(" + left + op + right + ")");
      });
  return steps;
}

int64_t run(const StackProgram& program, int64_t x, int64_t y) {
  return walk<int64_t>(
      program.text, [&](char c) { return c == 'x'   ? x
                                         : c == 'y' ? y
                                                    : int64_t{c - '0'}; },
      [](int64_t left, char op, int64_t right) {
        return op == '+' ? left + right : op == '-' ? left - right : left * right;
      });
}

Split split_of(const StackProgram& program) {
  constexpr uint64_t kTestOneIn = 10;
  const uint64_t hash = XXH64(program.text.data(), program.text.size(), 0);
  return hash % kTestOneIn == 0 ? Split::kTest : Split::kTrain;
}

StackProgram draw_program(const config::ProgramsSection& options, Split split,
                          env::KeyedRandom& random) {
  while (true) {  // Nine of ten programs are of one split, one of the other.
    const uint32_t span = options.operations_max - options.operations_min + 1;
    uint32_t operators = options.operations_min + random.below(span);
    uint32_t operands = operators + 1, depth = 0;
    StackProgram program;
    while (operands + operators > 0) {
      const bool may_combine = depth >= 2 && operators > 0;
      if (operands > 0 && (!may_combine || random.below(2) == 0)) {
        program.text += draw_operand(random);
        --operands, ++depth;
      } else {
        program.text += "+-*"[random.below(3)];
        --operators, --depth;
      }
    }
    if (split_of(program) == split) return program;
  }
}

Task program_task(const StackProgram& program, std::string id,
                  const config::ProgramsSection& options, env::KeyedRandom& random) {
  CodeTask task;
  task.entry = "f";
  task.wait_s = options.test_wait_s;
  const auto argument = [&random] {
    return int64_t{random.below(2 * kArgumentMax + 1)} - kArgumentMax;
  };
  for (uint32_t i = 0; i < options.tests; ++i) {
    const int64_t x = argument(), y = argument();
    CodeTest test;
    test.kind = CodeTest::Kind::kCall;
    test.arguments = {Value::of_int(x), Value::of_int(y)};
    test.expected = Value::of_int(run(program, x, y));
    task.tests.push_back(std::move(test));
  }
  return {std::move(id), std::string(kCodeKind),
          fmt::format("{}{}", kProgramQuestion, program.text), to_json(task).dump()};
}

}  // namespace thespis::tasks
