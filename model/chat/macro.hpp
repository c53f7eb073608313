#pragma once
// A macro as a value, and the variables that it sees.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat/value.hpp"

namespace thespis::model::chat {

struct MacroNode;

/// The variables of one block; those of the blocks round it are seen through `parent`.
struct Scope {
  std::shared_ptr<const Scope> parent;
  std::vector<std::pair<std::string_view, Value>> variables;

  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

/// Where it was defined is not kept alive: a macro that outlives its block cannot be called.
struct Macro {
  const MacroNode* node = nullptr;
  std::weak_ptr<const Scope> scope;
};

std::string_view name_of(const Macro& macro);

}  // namespace thespis::model::chat
