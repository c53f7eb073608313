#include "runtime/sandbox/language.hpp"

#include <algorithm>
#include <vector>

namespace thespis::sandbox {
namespace {

Limits compile_limits(double cpu_s, uint64_t memory_bytes) {
  Limits limits;
  limits.cpu_s = cpu_s;
  limits.wall_s = 6 * cpu_s;
  limits.memory_bytes = memory_bytes;
  limits.output_bytes = 64ULL << 10;
  limits.file_bytes = 64ULL << 20;
  return limits;
}

/// `command`, the flags that a precompiled header must share with its users, then `rest`.
std::vector<std::string> cpp(std::vector<std::string> rest) {
  // -fmax-errors: of a broken program the first errors are enough, and cheap.
  std::vector<std::string> words = {"/usr/bin/g++", "-std=gnu++20",    "-O2",
                                    "-pipe",        "-fmax-errors=20", "-I/precompiled"};
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

const std::vector<Language>& table() {
  constexpr uint64_t kMemory = 768ULL << 20;
  static const std::vector<Language> rows = {
      {.name = "cpp",
       .source_file = "main.cpp",
       .compile = cpp({"-o", "main", "main.cpp"}),
       .run = {},
       .header = "bits/stdc++.h",
       .precompile = cpp({"-x", "c++-header", "-o", "header.gch", "header.hpp"}),
       .compile_limits = compile_limits(10, kMemory),
       .zygote = false},
      {.name = "c",
       .source_file = "main.c",
       .compile = {"/usr/bin/gcc", "-std=gnu17", "-O2", "-pipe", "-fmax-errors=20", "-o", "main",
                   "main.c", "-lm"},
       .run = {},
       .header = {},
       .precompile = {},
       .compile_limits = compile_limits(10, kMemory),
       .zygote = false},
      {.name = "python",
       .source_file = "main.py",
       .compile = {},
       .run = {"/usr/bin/python3", "-s", "-S", "main.py"},
       .header = {},
       .precompile = {},
       .compile_limits = {},
       .zygote = true},
  };
  return rows;
}

}  // namespace

std::span<const Language> languages() {
  return table();
}

const Language* find_language(std::string_view name) {
  const auto row = std::ranges::find(table(), name, &Language::name);
  return row == table().end() ? nullptr : &*row;
}

}  // namespace thespis::sandbox
