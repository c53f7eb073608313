#include "runtime/sandbox/sandbox.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "runtime/base/error.hpp"
#include "runtime/sandbox/compiler.hpp"
#include "runtime/sandbox/self_test.hpp"

namespace thespis::sandbox {
namespace {

const Language& language_of(std::string_view name) {
  if (const Language* language = find_language(name)) return *language;
  std::string known;
  for (const Language& language : languages()) known += (known.empty() ? "" : ", ") + language.name;
  throw InputError("no language \"" + std::string(name) + "\"; there are " + known);
}

bool holds(std::span<const LayerReport> layers, Layer layer) {
  const auto report = std::ranges::find(layers, layer, &LayerReport::layer);
  return report != layers.end() && report->state == LayerState::kHolds;
}

}  // namespace

class Sandbox::Impl {
 public:
  explicit Impl(Options options)
      : workers_(lanes(options.jobs_at_once), options.without, clock_),
        compiler_(workers_, options.cache),
        queue_jobs_max_(options.queue_jobs_max) {
    layers_ = try_layers(workers_);
    if (!options.allow_weaker) require_layers();
    has_root_ = holds(layers_, Layer::kMount);
    for (const File& module : options.python_modules) {
      const std::string error =
          workers_.install("python/" + module.name, sealed_file("module", module.bytes));
      if (!error.empty()) throw Error("sandbox: " + error);
    }
  }

  uint64_t run(Job job, RunDone done) {
    const Language& language = language_of(job.program->language);
    if (job.inherited.size() > kInheritedMax)
      throw InputError("a program can inherit " + std::to_string(kInheritedMax) + " descriptors");
    if (workers_.pending() >= queue_jobs_max_) return 0;
    const auto input = std::make_shared<Descriptor>(sealed_file("input", job.input));
    if (!*input) {
      Outcome none;
      none.detail = std::string("no memory for the input: ") + std::strerror(errno);
      const uint64_t id = kNeverQueued;
      workers_.defer([none, done = std::move(done)] { done(none); });
      return id;
    }
    Work work;
    work.descriptors.push_back(input);
    RunRequest& request = work.request;
    request.limits = job.limits;
    request.files = std::move(job.files);
    if (job.program->executable) {
      request.start = Start::kExecutable;
      request.argv = {"main"};
      work.descriptors.emplace_back(job.program, &job.program->executable);
    } else {
      const bool warm = job.zygote && language.zygote && has_root_;
      request.start = warm ? Start::kZygote : Start::kExecute;
      request.argv = warm ? std::vector{language.source_file} : language.run;
      request.files.push_back({language.source_file, job.program->source});
    }
    request.argv.insert(request.argv.end(), job.arguments.begin(), job.arguments.end());
    for (const Inherited& inherited : job.inherited) {
      request.inherited.push_back(inherited.number);
      work.descriptors.push_back(inherited.descriptor);
    }
    return workers_.submit(std::move(work), [done = std::move(done)](RunReply reply, Descriptor) {
      done(std::move(reply.outcome));
    });
  }

  bool compile(std::string_view name, std::string source, CompileDone done) {
    const Language& language = language_of(name);
    if (workers_.pending() >= queue_jobs_max_) return false;
    compiler_.compile(language, std::move(source), std::move(done));
    return true;
  }

  Workers& workers() { return workers_; }
  std::span<const LayerReport> layers() const { return layers_; }

 private:
  static constexpr uint64_t kNeverQueued = ~0ULL;

  static unsigned lanes(unsigned asked) {
    return asked != 0 ? asked : std::max(1U, std::thread::hardware_concurrency());
  }

  void require_layers() const {
    for (const LayerReport& report : layers_)
      if (is_needed(report.layer) && report.state != LayerState::kHolds)
        throw InputError("sandbox: the layer \"" + std::string(name_of(report.layer)) +
                         "\" does not hold here (" + report.detail +
                         "); programs run without it only with sandbox.allow_weaker = true");
  }

  env::RealClock clock_;
  Workers workers_;
  Compiler compiler_;
  size_t queue_jobs_max_;
  std::vector<LayerReport> layers_;
  bool has_root_ = false;
};

Sandbox::Sandbox(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Sandbox::~Sandbox() = default;

uint64_t Sandbox::run(Job job, RunDone done) {
  return impl_->run(std::move(job), std::move(done));
}
void Sandbox::cancel(uint64_t job) {
  impl_->workers().cancel(job);
}
bool Sandbox::compile(std::string_view language, std::string source, CompileDone done) {
  return impl_->compile(language, std::move(source), std::move(done));
}
int Sandbox::descriptor() const {
  return impl_->workers().descriptor();
}
size_t Sandbox::poll(int timeout_ms) {
  return impl_->workers().poll(timeout_ms);
}
unsigned Sandbox::jobs_at_once() const {
  return impl_->workers().lanes();
}
size_t Sandbox::pending() const {
  return impl_->workers().pending();
}
std::span<const LayerReport> Sandbox::layers() const {
  return impl_->layers();
}
bool Sandbox::can_run(std::string_view name) const {
  const Language* language = find_language(name);
  if (language == nullptr) return false;
  for (const auto* command : {&language->compile, &language->run})
    if (!command->empty() && ::access(command->front().c_str(), X_OK) != 0) return false;
  return true;
}

}  // namespace thespis::sandbox
