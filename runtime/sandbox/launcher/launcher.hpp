#pragma once
// What the launcher does for its host: sets the wall up once, then starts and ends keepers.

#include <map>

#include "runtime/sandbox/channel.hpp"
#include "runtime/sandbox/launcher/cgroups.hpp"
#include "runtime/sandbox/launcher/keeper.hpp"

namespace thespis::sandbox {

class Launcher {
 public:
  /// Enters namespaces and the prepared root, without the layers in `without`.
  explicit Launcher(Layers without);
  LauncherReply answer(const LauncherRequest& request, Descriptor attached);

 private:
  void enter_namespaces(Layers without);
  void prepare_root(Layers without);
  void prepare_filters(Layers without);
  void prepare_cgroups(Layers without);
  void map_self(unsigned user, unsigned group);
  void found(Layer layer, bool holds, std::string detail);

  std::string start_keeper(const LauncherRequest& request, const Descriptor& jobs);
  pid_t clone_keeper(KeeperSetup& setup, bool zygote);
  std::string admit(uint32_t slot, pid_t keeper, const Descriptor& handshake);
  std::string map_ids(uint32_t slot, pid_t keeper);
  std::string start_zygote();
  void kill_keeper(uint32_t slot);

  Cgroups cgroups_;
  KeeperSetup setup_;  ///< What all keepers share.
  std::vector<LayerReport> reports_;
  Descriptor proc_, landlock_, writable_root_, zygote_;
  std::vector<std::string> modules_;  ///< For the zygote to load.
  std::map<uint32_t, pid_t> keepers_;
  uint32_t first_user_ = 0;  ///< Outside id of slot 0; 0: only our own may be mapped.
  bool in_user_namespace_ = false;
};

}  // namespace thespis::sandbox
