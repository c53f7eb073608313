// Shards cover the arena once, are cut where tiles of every engine may be cut, and are about equal.

#include "model/engine/shards.hpp"

#include <catch2/catch_test_macros.hpp>

#include "gpu/device.hpp"
#include "tests/model/engine/models.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

bool may_cut(const WeightLayout& layout, uint64_t at) {
  if (at == layout.size) return true;
  for (const TensorSpec& t : layout.tensors)
    if (at >= t.offset && at < t.offset + t.size())
      return (at - t.offset) % gpu::on_device::kTileSize == 0;
  return false;
}

}  // namespace

TEST_CASE("shards: they cover the arena, cut at tiles, balanced") {
  auto large = test::model_config({.vocab = 5000, .hidden = 256, .layers = 3, .ffn = 704});
  auto biased = test::model_config({.vocab = 333, .hidden = 208, .layers = 5, .ffn = 336});
  for (const ModelConfig& config : {large, biased}) {
    const auto layout = WeightLayout::of(config);
    for (const uint32_t ranks : {1u, 2u, 3u, 4u, 7u}) {
      const Shards shards = Shards::of(layout, ranks);
      REQUIRE(shards.ranks() == ranks);
      uint64_t end = 0;
      for (uint32_t r = 0; r < ranks; ++r) {
        const auto range = shards.of_rank(r);
        CHECK(range.begin == end);
        CHECK(may_cut(layout, range.end));
        CHECK(range.size() <= layout.size / ranks + gpu::on_device::kTileSize);
        end = range.end;
      }
      CHECK(end == layout.size);
    }
  }
}

TEST_CASE("shards: more ranks than a model has cuts leave some without a range") {
  const auto layout = WeightLayout::of(test::model_config({.layers = 1}));
  const Shards shards = Shards::of(layout, 64);
  uint64_t total = 0, empty = 0;
  for (uint32_t r = 0; r < 64; ++r) {
    total += shards.of_rank(r).size();
    empty += shards.of_rank(r).size() == 0;
  }
  CHECK(total == layout.size);
  CHECK(empty > 0);
}

TEST_CASE("shards: byte ranges of a piece of the arena") {
  const auto layout = WeightLayout::of(test::model_config({.vocab = 5000, .hidden = 256}));
  const Shards shards = Shards::of(layout, 3);
  const Shards::Range piece{shards.of_rank(1).begin - 32, shards.of_rank(1).end - 16};
  const auto bytes = shards.bytes(piece);
  REQUIRE(bytes.size() == 3);
  CHECK((bytes[0].begin == 0 && bytes[0].end == 32 * sizeof(float)));
  CHECK((bytes[1].begin == bytes[0].end && bytes[1].end == piece.size() * sizeof(float)));
  CHECK(bytes[2].size() == 0);
}
