#pragma once
// Cap'n Proto lists of numbers <-> C++ ranges.

#include <capnp/list.h>

#include <vector>

namespace thespis::wire {

/// The elements of a primitive list.
template <class T>
std::vector<T> to_vector(const typename capnp::List<T>::Reader& list) {
  std::vector<T> values(list.size());
  for (unsigned i = 0; i < list.size(); ++i) values[i] = list[i];
  return values;
}

/// Writes all of `values` (a vector, span or list reader) into a list builder of the same size.
template <class Builder, class Values>
void fill_list(Builder list, const Values& values) {
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, values[i]);
}

}  // namespace thespis::wire
