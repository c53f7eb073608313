// Goal: a walk of ranks that share the weights has each unit where no other is, in few buffers
// whose sizes are known beforehand (LW-1).
// Method: walks of small models of every family, with what is there written down beside.

#include "model/device/layer_window.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <numeric>
#include <set>

#include "tests/model/engine/models.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

using Way = LayerWindow::Way;

/// Buffers in use, of weights or of gradients.
struct InUse {
  std::map<uint32_t, uint32_t> units;  // By buffer.
  void take(const LayerWindow& window, LayerWindow::Place place,
            const std::vector<uint64_t>& sizes) {
    REQUIRE(units.emplace(place.buffer, place.unit).second);
    REQUIRE(sizes.at(place.buffer) >= window.units().units()[place.unit].range.size());
  }
  void give_back(LayerWindow::Place place) {
    REQUIRE(units.at(place.buffer) == place.unit);
    units.erase(place.buffer);
  }
};

}  // namespace

TEST_CASE("layer window: units never meet in a buffer, and no walk needs another one") {
  const size_t family = GENERATE(range(size_t{0}, size_t{4}));
  CAPTURE(family);
  test::ModelShape shape = test::family_shapes()[family];
  shape.layers = 6;
  const Plan plan(test::model_config(shape));
  LayerWindow window(plan);
  const auto weight_sizes = window.weight_sizes(), gradient_sizes = window.gradient_sizes();
  const auto sum = [](const std::vector<uint64_t>& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  };
  CHECK(sum(weight_sizes) < WeightLayout::of(plan.config()).size);
  InUse weights, gradients;
  for (int round = 0; round < 3; ++round) {
    std::set<uint32_t> whole;
    window.walk([&](uint32_t segment, Way way) {
      const auto entered = window.enter(segment, way);
      for (const auto& place : entered.fetched) weights.take(window, place, weight_sizes);
      for (const auto& place : entered.begun) gradients.take(window, place, gradient_sizes);
      for (const uint32_t unit : window.units().of_segment(segment)) {
        const uint64_t begin = window.units().units()[unit].range.begin;
        const auto place = window.weights_at(begin);
        CHECK(place.unit == unit);
        CHECK(place.buffer == window.weights_of(unit));
        CHECK(weights.units.at(place.buffer) == unit);
        if (way == Way::kBackward)
          CHECK(gradients.units.at(window.gradients_at(begin).buffer) == unit);
      }
      const auto left = window.leave(segment, way);
      for (const auto& place : left.weights) weights.give_back(place);
      for (const auto& place : left.gradients) {
        gradients.give_back(place);
        CHECK(whole.insert(place.unit).second);
      }
    });
    CHECK(weights.units.empty());
    CHECK(whole.size() == window.units().units().size());
    CHECK(window.weight_sizes() == weight_sizes);
    CHECK(window.gradient_sizes() == gradient_sizes);
  }
}
