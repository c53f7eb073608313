#pragma once
// What an actor's unexpected exception becomes: an error that still says what went wrong, for
// whoever monitors the actor. CAF's own default keeps only the fact.

#include <caf/all.hpp>
#include <exception>

namespace thespis {

/// For set_exception_handler().
inline caf::error error_of(std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return caf::make_error(caf::sec::runtime_error, error.what());
  }
}

}  // namespace thespis
