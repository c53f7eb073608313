#pragma once
// The root of all failures that end what was being done: a bad file, a refused peer, a full disk.
// The text is one line for a user: it names the file, line or key, what was wrong, what would be
// right.

#include <stdexcept>
#include <string>

namespace thespis {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what) : std::runtime_error(what) {}
};

/// What the user wrote cannot be used: a recipe, a data row, a flag, a model file. Exit code 2.
class InputError : public Error {
 public:
  using Error::Error;
};

}  // namespace thespis
