#pragma once
// Turns sources into programs: each distinct source is compiled once, in the sandbox, with its
// language's header precompiled; what the last ones became is remembered.

#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "runtime/sandbox/language.hpp"
#include "runtime/sandbox/workers.hpp"

namespace thespis::sandbox {

class Compiler {
 public:
  using Done = std::function<void(Compilation)>;
  /// `cache`: a directory for precompiled headers, made where it is missing; empty: none.
  Compiler(Workers& workers, std::filesystem::path cache);

  void compile(const Language& language, std::string source, Done done);

 private:
  enum class Header : uint8_t { kUnknown, kInTheMaking, kReady, kNone };
  struct Waiting {
    const Language* language = nullptr;
    std::string source;
    std::string key;
  };
  struct Known {
    Compilation compilation;
    std::list<std::string>::iterator age;
  };

  void start(Waiting waiting);
  void finish(const Waiting& waiting, RunReply reply, Descriptor file);
  void remember(const std::string& key, const Compilation& compilation);
  void make_header(const Language& language);
  void use_header(const Language& language, Descriptor file);
  std::filesystem::path cached_header(const Language& language) const;

  Workers& workers_;
  std::filesystem::path cache_;
  std::map<std::string, std::vector<Done>> asked_;  ///< By key: who waits for it.
  std::map<std::string, Header> headers_;           ///< By language.
  std::vector<Waiting> for_header_;
  std::map<std::string, Known> known_;
  std::list<std::string> ages_;  ///< Keys, the one used last in front.
};

}  // namespace thespis::sandbox
