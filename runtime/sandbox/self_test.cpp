#include "runtime/sandbox/self_test.hpp"

#include <algorithm>
#include <cstdlib>

namespace thespis::sandbox {
namespace {

constexpr uint64_t kMiB = 1ULL << 20;

Limits small_limits() {
  Limits limits;
  limits.cpu_s = 1;
  limits.wall_s = 5;
  limits.memory_bytes = 48 * kMiB;
  limits.output_bytes = 4096;
  limits.processes = 8;
  return limits;
}

Layers only(std::initializer_list<Layer> layers) {
  Layers set;
  for (const Layer layer : layers) set.add(layer);
  return set;
}

class SelfTest {
 public:
  explicit SelfTest(Workers& workers) : workers_(workers), reports_(workers.setup()) {}

  std::vector<LayerReport> run() {
    // Each where the layers that would answer in its place are out.
    look_at_walls(only({Layer::kSeccomp, Layer::kLandlock}), false);
    look_at_walls(only({Layer::kSeccomp}), true);
    probe({"seccomp"}, {}, small_limits(), [this](const RunReply& reply) {
      if (reply.outcome.ending != Ending::kRefusedCall) broken(Layer::kSeccomp, "ptrace passes");
    });
    probe({"survivor"}, only({Layer::kSeccomp}), small_limits(), [this](const RunReply& reply) {
      if (reply.outcome.survivors != 0 || !reply.outcome.exited_with(0))
        broken(Layer::kPid, "a process outlives its job");
    });
    try_limits();
    while (waiting_ > 0) workers_.poll(-1);
    return std::move(reports_);
  }

 private:
  void broken(Layer layer, const std::string& why) {
    const auto report = std::ranges::find(reports_, layer, &LayerReport::layer);
    if (report == reports_.end() || report->state != LayerState::kHolds) return;
    report->state = LayerState::kBroken;
    report->detail = why;
  }

  void probe(std::vector<std::string> argv, Layers without, const Limits& limits,
             std::function<void(const RunReply&)> judge) {
    Work work;
    work.request.start = Start::kProbe;
    work.request.argv = std::move(argv);
    work.request.without = without;
    work.request.limits = limits;
    work.descriptors = {std::make_shared<Descriptor>(sealed_file("empty", ""))};
    ++waiting_;
    workers_.submit(std::move(work), [this, judge](const RunReply& reply, const Descriptor&) {
      --waiting_;
      judge(reply);
    });
  }

  /// Lines "layer: ok" or "layer: what got through". What says nothing is broken as well.
  void look_at_walls(Layers without, bool landlock) {
    probe({"walls"}, without, small_limits(), [this, landlock](const RunReply& reply) {
      const Outcome& outcome = reply.outcome;
      const std::string& text = outcome.output;
      const std::string trouble = outcome.exited_with(0) ? "says nothing"
                                  : outcome.detail.empty()
                                      ? std::string("the test ended by ") + name_of(outcome.ending)
                                      : outcome.detail;
      for (unsigned i = 0; i <= static_cast<unsigned>(Layer::kRlimits); ++i) {
        const auto layer = static_cast<Layer>(i);
        if (layer == Layer::kSeccomp || layer == Layer::kCgroupView) continue;
        if (landlock != (layer == Layer::kLandlock)) continue;
        const std::string key = std::string(name_of(layer)) + ": ";
        const size_t at = ("\n" + text).find("\n" + key);
        if (at == text.npos) {
          broken(layer, trouble);
          continue;
        }
        const size_t begin = at + key.size();
        const std::string says = text.substr(begin, text.find('\n', begin) - begin);
        if (says != "ok") broken(layer, says);
      }
    });
  }

  void try_limits() {
    probe({"memory", "32"}, {}, small_limits(), [this](const RunReply& reply) {
      if (!reply.outcome.exited_with(0)) broken(Layer::kMemory, "holds less than it should");
    });
    probe({"memory", "96"}, {}, small_limits(), [this](const RunReply& reply) {
      if (reply.outcome.ending != Ending::kMemoryLimit) broken(Layer::kMemory, "has no effect");
    });
    probe({"processes", "40"}, only({Layer::kRlimits}), small_limits(),
          [this](const RunReply& reply) {
            const long started = std::strtol(reply.outcome.output.c_str(), nullptr, 10);
            if (started < 1 || started > 8) broken(Layer::kProcesses, "has no effect");
          });
    Limits short_limits = small_limits();
    short_limits.cpu_s = 0.1;
    probe({"cpu", "3"}, {}, short_limits, [this](const RunReply& reply) {
      if (reply.outcome.ending != Ending::kCpuLimit || reply.outcome.cpu_s > 0.5)
        broken(Layer::kCpu, "has no effect");
    });
  }

  Workers& workers_;
  std::vector<LayerReport> reports_;
  size_t waiting_ = 0;
};

}  // namespace

std::vector<LayerReport> try_layers(Workers& workers) {
  return SelfTest(workers).run();
}

}  // namespace thespis::sandbox
