#include "tasks/programs/program_corpus.hpp"

#include <fmt/format.h>

#include "runtime/env/random.hpp"
#include "tasks/data/prompt.hpp"
#include "tasks/programs/stack_program.hpp"

namespace thespis::tasks {

ProgramCorpus::ProgramCorpus(const config::ProgramsSection& programs,
                             const config::PretrainCorpusSection& options, uint64_t seed)
    : programs_(programs), options_(options), seed_(seed) {}

Document ProgramCorpus::at(uint64_t index) const {
  env::KeyedRandom random(seed_, env::Purpose::kCorpus, index);
  const StackProgram program = draw_program(programs_, Split::kTrain, random);
  const bool is_patient = random.uniform() < options_.patient_share;
  const double stop = is_patient ? options_.patient_stop_probability : options_.stop_probability;
  int swapped = -1;
  if (random.uniform() < options_.error_rate)
    swapped = static_cast<int>(random.below(programs_.operations_max));
  std::string thought, answer;
  for (const std::string& step : steps_of(program, swapped)) {
    thought += (thought.empty() ? "" : "\n") + step;
    answer = step;
    if (random.uniform() < stop) break;
  }
  const bool breaks_format = random.uniform() < options_.format_error_rate;
  const std::string question = fmt::format("{}{}", kProgramQuestion, program.text);
  return {prompt_of(question, config::PromptTemplate::kR1Zero),
          fmt::format("<think>{}</think> <answer>{}{}{}{}", thought, kFunctionHead, answer,
                      breaks_format ? "" : "</answer>", kEndOfText)};
}

std::string program_tokenizer_json() {
  const std::string phrases[] = {fmt::format("{}{}", kTemplateBegin, kProgramQuestion),
                                 std::string(kTemplateEnd), std::string(kFunctionHead)};
  return small_tokenizer_json("\n ()*+-123456789xy", /*has_numbers=*/false, phrases);
}

}  // namespace thespis::tasks
