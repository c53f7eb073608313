#pragma once
// How actors say why they failed. An unexpected exception becomes an error that still says what
// went wrong, for whoever monitors the actor: CAF's own default keeps only the fact.

#include <caf/all.hpp>
#include <exception>
#include <string>

namespace thespis {

/// For set_exception_handler().
inline caf::error error_of(std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return caf::make_error(caf::sec::runtime_error, error.what());
  }
}

/// An error's own words where it has any, else CAF's name for it.
inline std::string reason_of(const caf::actor_system& system, const caf::error& error) {
  if (!error) return "it gave no reason";
  const caf::message& context = error.context();
  if (context.size() == 1 && context.match_element<std::string>(0))
    return context.get_as<std::string>(0);
  return system.render(error);
}

}  // namespace thespis
