#include "model/engine/sequence.hpp"

#include <algorithm>
#include <string>

#include "model/engine/batch.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

Sequence::Sequence(SequenceRequest asked) : request(std::move(asked)) {
  result.id = request.id;
}

bool Sequence::has_ended() {
  const auto& stops = request.stop_tokens;
  const int32_t last = result.tokens.back();
  if (request.stop_strings != nullptr) stop_state = request.stop_strings->next(stop_state, last);
  if (stop_state == StopStrings::kFound ||
      std::find(stops.begin(), stops.end(), last) != stops.end()) {
    result.finish = FinishReason::kStop;
    return true;
  }
  result.finish = FinishReason::kLength;
  return result.tokens.size() >= request.max_tokens;
}

void check(const GeneratorLimits& limits, const ModelConfig& config) {
  if (limits.slots == 0) throw InputError("generator limits: slots must be at least 1");
  if (limits.context_max < 2 || limits.context_max > config.context_max)
    throw InputError("generator limits: context_max = " + std::to_string(limits.context_max) +
                     ": must be between 2 and the model's " + std::to_string(config.context_max));
}

void check_request(const SequenceRequest& request, uint32_t vocab_size, uint32_t context_max) {
  const std::string name = "sequence " + std::to_string(request.id);
  check_sequence({request.prompt, {}, request.temperature}, vocab_size, context_max, name);
  if (!(request.cut.top_p > 0 && request.cut.top_p <= 1))
    throw InputError(name + ": top_p must be above 0 and at most 1");
  if (!(request.cut.min_p >= 0 && request.cut.min_p <= 1))
    throw InputError(name + ": min_p must be from 0 to 1");
  if (request.max_tokens == 0) throw InputError(name + ": max_tokens must be at least 1");
  if (request.prompt.size() + request.max_tokens > context_max)
    throw InputError(name + ": " + std::to_string(request.prompt.size()) + " prompt tokens and " +
                     std::to_string(request.max_tokens) + " new ones exceed the context of " +
                     std::to_string(context_max));
}

}  // namespace thespis::model
