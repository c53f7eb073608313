#pragma once
// The table of languages: how a source is compiled, how it runs. A language is a row.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/job.hpp"

namespace thespis::sandbox {

struct Language {
  std::string name;         ///< "cpp"; what Program::language says.
  std::string source_file;  ///< "main.cpp", in the working directory.
  /// Absolute path first; empty: the source runs as it is. Must leave the executable as "main".
  std::vector<std::string> compile;
  /// Absolute path first; empty: the executable itself.
  std::vector<std::string> run;
  /// A header that is worth precompiling, as #include names it; empty: none. `precompile` turns
  /// "header.hpp", which includes it, into "header.gch", with the flags of `compile`; there
  /// "-I/precompiled" finds it first.
  std::string header;
  std::vector<std::string> precompile;
  Limits compile_limits;
  bool zygote = false;  ///< A warm process of the interpreter forks each run.
};

/// C++, C, Python.
std::span<const Language> languages();
/// Null: no such row.
const Language* find_language(std::string_view name);

}  // namespace thespis::sandbox
