#include "model/device/layer_window.hpp"

#include <algorithm>

#include "runtime/base/assert.hpp"

namespace thespis::model {

LayerWindow::LayerWindow(const Plan& plan)
    : units_(plan, WeightLayout::of(plan.config())), segment_count_(plan.segments().size()) {
  // Walked until no walk needs more than the one before.
  for (size_t before = SIZE_MAX; before != weights_.sizes.size() + gradients_.sizes.size();) {
    before = weights_.sizes.size() + gradients_.sizes.size();
    walk([&](uint32_t segment, Way way) {
      enter(segment, way);
      leave(segment, way);
    });
  }
  THESPIS_ASSERT(weights_.places.empty() && gradients_.places.empty());
}

/// The smallest that is large enough, else a new one.
LayerWindow::Place LayerWindow::Buffers::take(uint32_t unit, uint64_t size) {
  auto best = idle.end();
  for (auto it = idle.begin(); it != idle.end(); ++it)
    if (sizes[*it] >= size && (best == idle.end() || sizes[*it] < sizes[*best])) best = it;
  auto buffer = static_cast<uint32_t>(sizes.size());
  if (best == idle.end()) {
    sizes.push_back(size);
  } else {
    buffer = *best;
    idle.erase(best);
  }
  places.emplace(unit, buffer);
  return {unit, buffer};
}

LayerWindow::Place LayerWindow::Buffers::give_back(uint32_t unit) {
  const auto it = places.find(unit);
  THESPIS_ASSERT(it != places.end());
  const Place place{unit, it->second};
  idle.push_back(place.buffer);
  places.erase(it);
  return place;
}

void LayerWindow::fetch(uint32_t segment, std::vector<Place>& fetched) {
  for (const uint32_t unit : units_.of_segment(segment))
    if (!weights_.places.contains(unit))
      fetched.push_back(weights_.take(unit, units_.units()[unit].range.size()));
}

LayerWindow::Entered LayerWindow::enter(uint32_t segment, Way way) {
  Entered entered;
  fetch(segment, entered.fetched);
  for (const uint32_t unit : units_.of_segment(segment))
    if (way == Way::kBackward && !gradients_.places.contains(unit))
      entered.begun.push_back(gradients_.take(unit, units_.units()[unit].range.size()));
  // The next segment that has weights: its own come while this one is computed.
  for (uint32_t next = segment;;) {
    if (way == Way::kForward ? ++next == segment_count_ : next-- == 0) return entered;
    if (units_.of_segment(next).empty()) continue;
    fetch(next, entered.fetched);
    return entered;
  }
}

LayerWindow::Left LayerWindow::leave(uint32_t segment, Way way) {
  Left left;
  for (const uint32_t unit : units_.of_segment(segment)) {
    // Also where a later segment wants it again (a tied embedding): memory is for one segment's
    // weights and the next one's.
    left.weights.push_back(weights_.give_back(unit));
    if (way == Way::kBackward && units_.units()[unit].first_segment == segment)
      left.gradients.push_back(gradients_.give_back(unit));
  }
  return left;
}

LayerWindow::Place LayerWindow::at(const Buffers& buffers, uint64_t offset) const {
  for (const auto& [unit, buffer] : buffers.places) {
    const Shards::Range& range = units_.units()[unit].range;
    if (range.begin <= offset && offset < range.end) return {unit, buffer};
  }
  THESPIS_ASSERT(false);
  return {};
}

}  // namespace thespis::model
