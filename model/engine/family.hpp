#pragma once
// The families: each writes its forward pass once, with a Recorder.

#include "model/engine/plan.hpp"

namespace thespis::model {

/// Dense decoder of the Qwen2 / Qwen3 / Llama kind: pre-norm, grouped-query attention with rotary
/// positions (optional bias on q, k, v; optional norm of q and k heads), SwiGLU, tied or own head.
void record_decoder(Recorder& recorder, const ModelConfig& config);

}  // namespace thespis::model
