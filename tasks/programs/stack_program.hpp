#pragma once
// Tiny programming tasks: a program for a stack machine is given, in postfix, and a Python function
// that computes the same is asked for. Hidden tests call it.
//   SP-1  Task `index` is a function of (options, seed, split, index) alone.
//   SP-2  No test program is a training program.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config/recipe.hpp"
#include "runtime/env/random.hpp"
#include "tasks/countdown/countdown.hpp"
#include "tasks/data/data_set.hpp"

namespace thespis::tasks {

constexpr std::string_view kProgramQuestion =
    "Write a Python function f(x, y) that returns what this program leaves on the stack: ";
constexpr std::string_view kFunctionHead = "def f(x, y):\n    return ";

/// A valid postfix program of the operands x, y, 1 to 9 and the operators + - *, one character
/// each: "xy+3*".
struct StackProgram {
  std::string text;
};

/// The expressions that each operator makes, in order, bracketed: {"(x+y)", "((x+y)*3)"}. The last
/// one is the whole program's. With `swapped`, the operator of that number takes its operands in
/// the wrong order: an error that is easily made.
std::vector<std::string> steps_of(const StackProgram& program, int swapped = -1);

/// What the program leaves for these arguments.
int64_t run(const StackProgram& program, int64_t x, int64_t y);

/// About one program in ten is of the test split.
Split split_of(const StackProgram& program);

StackProgram draw_program(const config::ProgramsSection& options, Split split,
                          env::KeyedRandom& random);

/// The task of a program: the question as its prompt, without a template's text, and as its row the
/// hidden tests, whose arguments come from `random`.
Task program_task(const StackProgram& program, std::string id,
                  const config::ProgramsSection& options, env::KeyedRandom& random);

}  // namespace thespis::tasks
