#pragma once
// Mutations of real inputs, for what parses. THESPIS_FUZZ_SECONDS makes each such test go on for so
// long (`THESPIS_FUZZ_SECONDS=600 ./thespis test --preset asan -R fuzz`); else its rounds are few
// enough for CI. THESPIS_SEED chooses others.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/env/clock.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

namespace thespis::test {

/// Draws inputs from a corpus and alters them: bytes, cuts, copies, splices of two, and `pieces`
/// (words that mean something to the parser under test).
class Mutations {
 public:
  /// `stream` keeps the tests' draws apart. The corpus has at least one input.
  Mutations(uint32_t stream, std::vector<std::string> corpus, std::vector<std::string> pieces)
      : random_(seed(), env::Purpose::kSimulation, stream),
        corpus_(std::move(corpus)),
        pieces_(std::move(pieces)) {}

  std::string next() {
    std::string text = corpus_[below(corpus_.size())];
    if (below(16) == 0) text.resize(below(text.size() + 1));
    for (size_t n = 1 + below(4); n > 0; --n) alter(text);
    return text;
  }

  /// Calls body(input) for `rounds` mutations, or for as long as THESPIS_FUZZ_SECONDS says, and
  /// prints how many there were in the latter case.
  template <class Body>
  void run(const char* name, int rounds, const Body& body) {
    const char* text = std::getenv("THESPIS_FUZZ_SECONDS");
    const double limit_s = text != nullptr ? std::strtod(text, nullptr) : 0;
    const env::RealClock clock;
    const auto start = clock.now();
    uint64_t done = 0;
    for (; limit_s > 0 ? env::seconds(clock.now() - start) < limit_s
                       : done < static_cast<uint64_t>(rounds);
         ++done)
      body(next());
    if (limit_s > 0) std::printf("%s: %llu inputs\n", name, static_cast<unsigned long long>(done));
  }

 private:
  size_t below(size_t n) { return random_.below(static_cast<uint32_t>(n)); }

  void alter(std::string& text) {
    if (text.empty()) text = " ";
    const size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, 1 + below(20));
        break;
      case 2:
        text.insert(at, text.substr(below(text.size()), 1 + below(40)));
        break;
      case 3: {
        const std::string& other = corpus_[below(corpus_.size())];
        if (!other.empty()) text.insert(at, other.substr(below(other.size()), 1 + below(60)));
        break;
      }
      case 4:
        text.replace(at, 1, pieces_[below(pieces_.size())]);
        break;
      default:
        text.insert(at, pieces_[below(pieces_.size())]);
    }
  }

  env::KeyedRandom random_;
  std::vector<std::string> corpus_;
  std::vector<std::string> pieces_;
};

/// Pieces of JSON, for parsers of JSON files.
inline std::vector<std::string> json_pieces() {
  return {"{",     "}",
          "[",     "]",
          ":",     ",",
          "\"",    "\\",
          "\\u",   "\\ud800",
          "null",  "0",
          "true",  "false",
          "-1",    "1e9",
          "1e999", "\xff",
          "\"\"",  "[]",
          "{}",    "9223372036854775808"};
}

}  // namespace thespis::test
