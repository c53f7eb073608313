#pragma once
// A sequence on a device, whose last tokens may still be under way to the host.

#include "model/engine/sequence.hpp"

namespace thespis::model {

struct Flight {
  Sequence sequence;
  uint32_t slot;
  uint32_t pending = 0;    ///< Tokens that are enqueued and not taken yet.
  bool prefilled = false;  ///< Its pages hold all that its next row needs.
  bool fresh = false;      ///< Prefilled in this call: its token is under way already.
  bool ended = false;

  /// Tokens, those under way included.
  uint32_t known() const { return sequence.token_count() + pending; }
  bool wants_more() const {
    return !ended && sequence.result.tokens.size() + pending < sequence.request.max_tokens;
  }
};

}  // namespace thespis::model
