#pragma once
// What the base model of the code recipe is pretrained on: stack programs with thoughts that work
// them out step by step, most of which give up early and answer with what they have.
//   PG-1  Document `index` is a function of (options, seed, index) alone, and of no test program.

#include "runtime/config/recipe.hpp"
#include "tasks/data/document.hpp"

namespace thespis::tasks {

class ProgramCorpus {
 public:
  /// Of `options`: stop_probability is that of giving up after a step, patient_share the share of
  /// documents where patient_stop_probability holds instead, error_rate that of a document in
  /// which one step has its operands in the wrong order.
  ProgramCorpus(const config::ProgramsSection& programs,
                const config::PretrainCorpusSection& options, uint64_t seed);
  Document at(uint64_t index) const;

 private:
  config::ProgramsSection programs_;
  config::PretrainCorpusSection options_;
  uint64_t seed_;
};

/// tokenizer.json of that model; a prompt of the longest programs has 2 tokens more than they have
/// characters.
std::string program_tokenizer_json();

}  // namespace thespis::tasks
