#pragma once
// A stable sort that stays within its bounds whatever the comparison says: values from strangers
// need not have an order (nan).

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace thespis::model::chat {

/// Sorts `items`; `less` may throw, and then they are in no particular state.
template <class T, class Less>
void merge_sort(std::vector<T>& items, const Less& less) {
  std::vector<T> from(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    std::swap(from, items);
    for (size_t begin = 0; begin < from.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, from.size());
      const size_t end = std::min(middle + width, from.size());
      size_t left = begin, right = middle;
      for (size_t to = begin; to < end; ++to) {
        const bool take_right = left == middle || (right < end && less(from[right], from[left]));
        items[to] = std::move(from[take_right ? right++ : left++]);
      }
    }
  }
}

}  // namespace thespis::model::chat
