#pragma once
// One group from admission to commit: what has arrived of its G samples, and what is still owed.
//   E-1  Each part of each sample is taken once; a second one is refused, whatever it says.
//   E-2  complete() only when every sample has its rollout, its verdict and, where the run has a
//        reference, its reference scores.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/env/clock.hpp"
#include "runtime/wire/message.hpp"
#include "schemas/group.capnp.h"
#include "schemas/rollout.capnp.h"

namespace thespis {

class Episode {
 public:
  struct Identity {
    uint64_t group = 0;
    uint64_t prompt_index = 0;
    uint64_t admitted_version = 0;
    std::vector<int32_t> prompt;
    std::string task;  ///< The data set's row, as JSON.
  };
  /// Admitted at `now`. `has_reference`: samples need reference scores as well.
  Episode(Identity identity, uint32_t group_size, bool has_reference, env::Nanoseconds now);

  const Identity& identity() const { return identity_; }
  uint32_t group_size() const { return static_cast<uint32_t>(samples_.size()); }
  bool has_reference() const { return has_reference_; }

  /// False: the sample does not exist or has this part already (E-1).
  bool take(uint32_t sample, wire::Message<wire::Rollout> rollout, std::string text,
            env::Nanoseconds now);
  bool take(uint32_t sample, wire::Message<wire::Verdict> verdict, env::Nanoseconds now);
  bool take(uint32_t sample, wire::Message<wire::Scores> scores, env::Nanoseconds now);
  bool complete() const;
  /// For an error's text: what is owed, e.g. "sample 3: verdict".
  std::string owed() const;
  wire::Message<wire::Group> assemble() const;  ///< Only when complete().

 private:
  struct Sample {
    std::optional<wire::Message<wire::Rollout>> rollout;
    std::optional<wire::Message<wire::Verdict>> verdict;
    std::optional<wire::Message<wire::Scores>> scores;
    std::string text;
  };
  Identity identity_;
  bool has_reference_;
  std::vector<Sample> samples_;
  env::Nanoseconds admitted_, rollouts_done_, verdicts_done_, scores_done_;
};

}  // namespace thespis
