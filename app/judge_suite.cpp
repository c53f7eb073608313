// `thespis judge --suite`: hostile and honest programs, through a process of their own each and,
// those in Python, through the zygote.

#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "tasks/code/escape.hpp"
#include "tasks/code/harness.hpp"
#include "tasks/code/suite.hpp"

namespace thespis::app {
namespace {

using nlohmann::ordered_json;
using tasks::SuiteProgram;
using tasks::SuiteVerdict;

struct Counts {
  uint64_t total = 0, allowed = 0, escaped = 0, survivors = 0, rewarded_hacks = 0;

  void add(const SuiteVerdict& verdict) {
    const bool accepted =
        std::ranges::find(verdict.words, std::string("AC")) != verdict.words.end();
    ++total;
    allowed += verdict.allowed;
    escaped += verdict.escaped;
    survivors += verdict.survivors;
    rewarded_hacks += accepted && !verdict.program->is_honest();
  }
};

ordered_json json_of(const Counts& counts) {
  return {{"total", counts.total},
          {"allowed", counts.allowed},
          {"escaped", counts.escaped},
          {"survivors", counts.survivors},
          {"rewarded_hacks", counts.rewarded_hacks}};
}

struct Failure {
  std::string path, file, got, allowed, why;
};

struct Result {
  std::map<std::string, std::map<std::string, Counts>> kinds;  ///< By path, by kind.
  std::map<std::string, Counts> paths;
  std::map<std::string, bool> programs;  ///< File: allowed in every path so far.
  std::vector<Failure> failures;
};

void print(const Result& result) {
  fmt::print("{:<8} {:<10} {:>6} {:>8} {:>8} {:>10} {:>9}\n", "path", "kind", "total", "allowed",
             "escaped", "survivors", "rewarded");
  const auto row = [](const std::string& path, const std::string& kind, const Counts& counts) {
    fmt::print("{:<8} {:<10} {:>6} {:>8} {:>8} {:>10} {:>9}\n", path, kind, counts.total,
               counts.allowed, counts.escaped, counts.survivors, counts.rewarded_hacks);
  };
  for (const auto& [path, kinds] : result.kinds) {
    for (const auto& [kind, counts] : kinds) row(path, kind, counts);
    row(path, "all", result.paths.at(path));
  }
  for (const Failure& failure : result.failures)
    fmt::print("not allowed: {} ({}): {}, where {}: {}\n", failure.file, failure.path, failure.got,
               failure.allowed, tasks::escaped(failure.why, 300, false));
}

ordered_json json_of(const Result& result) {
  // A program counts once, however many paths it takes.
  Counts all;
  for (const auto& [path, counts] : result.paths) {
    all.escaped += counts.escaped;
    all.survivors += counts.survivors;
    all.rewarded_hacks += counts.rewarded_hacks;
  }
  for (const auto& [file, allowed] : result.programs) {
    ++all.total;
    all.allowed += allowed;
  }
  ordered_json json = json_of(all);
  json["failing"] = ordered_json::array();
  for (const auto& [file, allowed] : result.programs)
    if (!allowed) json["failing"].push_back(file);
  for (const auto& [path, counts] : result.paths) json["paths"][path] = json_of(counts);
  json["details"] = ordered_json::array();
  for (const Failure& failure : result.failures)
    json["details"].push_back({{"path", failure.path},
                               {"file", failure.file},
                               {"verdict", failure.got},
                               {"expected", failure.allowed},
                               {"why", tasks::escaped(failure.why, 300, false)}});
  return json;
}

}  // namespace

int run_judge_suite(const JudgeArguments& arguments) {
  const std::vector<SuiteProgram> programs = tasks::read_suite(arguments.suite);
  sandbox::Options options;
  options.jobs_at_once = std::max(2U, arguments.jobs);
  options.allow_weaker = arguments.allow_weaker || !arguments.without.empty();
  for (const std::string& name : arguments.without) {
    const auto layer = sandbox::layer_of(name);
    if (!layer) throw InputError("--without: no layer \"" + name + "\"; thespis doctor names them");
    options.without.add(*layer);
  }
  // They need a place of their own in the root.
  if (!options.without.has(sandbox::Layer::kMount))
    options.python_modules = tasks::harness_modules();
  sandbox::Sandbox sandbox(std::move(options));
  sandbox::Canary canary;
  Result result;
  for (const bool zygote : {false, true}) {
    std::vector<const SuiteProgram*> chosen;
    for (const SuiteProgram& program : programs)
      if (!zygote || program.language == "python") chosen.push_back(&program);
    tasks::SuiteRules rules;
    rules.zygote = zygote;
    const std::string path = zygote ? "zygote" : "exec";
    run_suite(sandbox, canary, chosen, rules, [&](const SuiteVerdict& verdict) {
      const SuiteProgram& program = *verdict.program;
      result.paths[path].add(verdict);
      result.kinds[path][program.kind].add(verdict);
      const auto known = result.programs.try_emplace(program.file, true).first;
      known->second = known->second && verdict.allowed;
      if (verdict.allowed) return;
      result.failures.push_back({path, program.file,
                                 fmt::format("{}", fmt::join(verdict.words, " ")),
                                 fmt::format("{}", fmt::join(program.allowed, " ")), verdict.why});
    });
  }
  if (arguments.json) {
    fmt::print("{}\n", json_of(result).dump(2));
  } else {
    print(result);
  }
  return result.failures.empty() ? 0 : 1;
}

}  // namespace thespis::app
