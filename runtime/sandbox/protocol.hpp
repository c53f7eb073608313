#pragma once
// What the host and the processes of the sandbox say to each other: frames over socket pairs.
//   PR-1  Whatever bytes arrive, parsing neither reads outside them nor allocates more than they
//         are long; what is not a whole, exact message is refused.
// The other end is our own code, but it lives next to programs that nobody trusts.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sandbox/job.hpp"
#include "runtime/sandbox/layer.hpp"

namespace thespis::sandbox {

/// A ping is answered while a job runs; ping, pong and cancellation have no body.
enum class FrameKind : uint32_t {
  kRun = 0x31525354,
  kReply = 0x31505354,
  kCancel = 0x31435354,
  kPing = 0x31475354,
  kPong = 0x31485354
};

/// Before each frame's body.
struct FrameHeader {
  FrameKind kind = FrameKind::kRun;
  uint32_t body_bytes = 0;
};
constexpr uint32_t kFrameBytesMax = 64U << 20;
/// With a run: standard input, the executable if any, then what the program inherits.
constexpr size_t kFrameDescriptorsMax = 2 + kInheritedMax;

/// How the job's own process comes to be.
enum class Start : uint8_t {
  kExecute,     ///< argv[0] is a path.
  kExecutable,  ///< The executable that came with the frame.
  kZygote,      ///< A child of the interpreter; argv is the program's.
  kProbe        ///< The self-test's probe argv[0].
};

/// Host to keeper.
struct RunRequest {
  Start start = Start::kExecute;
  Layers without;
  Limits limits;
  std::vector<std::string> argv;
  std::vector<File> files;
  std::vector<int> inherited;  ///< Numbers in the program.
  std::string take;            ///< A file to hand back when the program exited with 0; or empty.
};

/// Keeper to host; with it comes the file that was asked for.
struct RunReply {
  Outcome outcome;
  bool took_file = false;
};

std::string encode(const RunRequest& request);
std::string encode(const RunReply& reply);
std::optional<RunRequest> decode_request(std::string_view body);
std::optional<RunReply> decode_reply(std::string_view body);

/// Host to launcher, one packet each, each answered by a LauncherReply.
enum class LauncherCall : uint8_t {
  kHello,        ///< Tells what was set up.
  kInstall,      ///< Makes the attached file readable at `path` in the prepared root.
  kStartZygote,  ///< After the modules it is to have were installed.
  kKeeper,       ///< Starts the keeper of `slot`, which serves the attached socket.
  kKill          ///< Kills the keeper of `slot` and all that its cgroup holds.
};
struct LauncherRequest {
  LauncherCall call = LauncherCall::kHello;
  uint32_t slot = 0;
  bool zygote = false;  ///< kKeeper, kKill: of the interpreter's kind.
  std::string path;
};
struct LauncherReply {
  std::string error;    ///< Empty: done.
  int32_t process = 0;  ///< kKeeper: its process id.
  std::vector<LayerReport> layers;
};
constexpr size_t kPacketBytesMax = 16384;

std::string encode(const LauncherRequest& request);
std::string encode(const LauncherReply& reply);
std::optional<LauncherRequest> decode_launcher_request(std::string_view body);
std::optional<LauncherReply> decode_launcher_reply(std::string_view body);

}  // namespace thespis::sandbox
