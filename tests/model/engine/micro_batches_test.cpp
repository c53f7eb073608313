// Goal: no batch has more rows than memory is planned for, unless it is a single sequence.
// Method: random items and limits; every item is in one batch, in order.

#include "model/engine/micro_batches.hpp"

#include <catch2/catch_test_macros.hpp>

#include "model/engine/scorer.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

void require_batches(const std::vector<size_t>& first, const std::vector<uint64_t>& rows,
                     uint64_t rows_max) {
  REQUIRE(first.front() == 0);
  REQUIRE(first.back() == rows.size());
  for (size_t b = 0; b + 1 < first.size(); ++b) {
    REQUIRE(first[b] < first[b + 1]);
    uint64_t sum = 0;
    for (size_t i = first[b]; i < first[b + 1]; ++i) sum += rows[i];
    REQUIRE((sum <= rows_max || first[b + 1] - first[b] == 1));
  }
}

}  // namespace

TEST_CASE("micro-batches: none has more rows than its limit, but for a single sequence") {
  CAPTURE(test::seed());
  const ModelConfig config = test::model_config(test::family_shapes()[0]);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 81);
  for (int round = 0; round < 300; ++round) {
    std::vector<TrainItem> items;
    std::vector<ScoreItem> scored_items;
    std::vector<uint64_t> rows;
    for (uint32_t i = 0, count = 1 + random.below(40); i < count; ++i) {
      TrainItem item;
      item.prompt = test::random_tokens(random, 1 + random.below(20), config.vocab_size);
      item.completion = test::random_tokens(random, 1 + random.below(60), config.vocab_size);
      rows.push_back(scored(item).rows());
      scored_items.push_back({item.prompt, item.completion, 1});
      items.push_back(std::move(item));
    }
    const uint32_t rows_max = 1 + random.below(200);
    CAPTURE(round, items.size(), rows_max);
    require_batches(split(items, {.micro_batch_tokens = rows_max, .lanes = 1 + random.below(8)}),
                    rows, rows_max);
    require_batches(score_batches(scored_items, config, rows_max), rows, rows_max);
  }
}
