#include "actors/reward/code_judge.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <exception>
#include <future>
#include <utility>

#include "runtime/base/error.hpp"

namespace thespis {

CodeJudge::CodeJudge(std::unique_ptr<env::Compute> thread, sandbox::Options options)
    : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_(std::move(thread)) {
  if (!wake_) throw Error("no eventfd: the system has no descriptor left");
  std::promise<void> started;
  thread_->post(
      [this, &started, options = std::move(options)] {
        std::unique_ptr<sandbox::Sandbox> sandbox;
        try {
          sandbox = std::make_unique<sandbox::Sandbox>(options);
        } catch (...) {
          return started.set_exception(std::current_exception());
        }
        started.set_value();
        loop(*sandbox);
      },
      [] {});
  started.get_future().get();
}

CodeJudge::~CodeJudge() {
  stopping_ = true;
  post({});
  thread_.reset();
}

void CodeJudge::post(Work work) {
  if (work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  const uint64_t one = 1;
  // Full only where it is about to be read anyway.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void CodeJudge::loop(sandbox::Sandbox& sandbox) {
  while (!stopping_) {
    pollfd waits[] = {{wake_.get(), POLLIN, 0}, {sandbox.descriptor(), POLLIN, 0}};
    ::poll(waits, std::size(waits), -1);
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof count);
    std::vector<Work> work;
    {
      const std::lock_guard lock(mutex_);
      work.swap(work_);
    }
    for (const Work& each : work) each(sandbox);
    sandbox.poll(0);
  }
}

CodeJudge::Id CodeJudge::post_judgement(Start start, tasks::GradeDone done) {
  const Id id = next_id_++;
  post([this, id, start = std::move(start), done = std::move(done)](sandbox::Sandbox& sandbox) {
    running_[id] = {};  // It may end before it has begun: an answer without a program.
    auto stop = start(sandbox, [this, id, done](tasks::CodeReport report) {
      running_.erase(id);
      done(std::move(report));
    });
    const auto here = running_.find(id);
    if (here != running_.end()) here->second = std::move(stop);
  });
  return id;
}

CodeJudge::Id CodeJudge::judge_completion(std::shared_ptr<const tasks::CodeTask> task,
                                          std::string completion, const tasks::GradeRules& rules,
                                          tasks::GradeDone done) {
  return post_judgement(
      [task = std::move(task), completion = std::move(completion), rules](sandbox::Sandbox& sandbox,
                                                                          tasks::GradeDone ended) {
        return tasks::grade_completion(sandbox, task, completion, rules, std::move(ended));
      },
      std::move(done));
}

CodeJudge::Id CodeJudge::judge_program(std::shared_ptr<const tasks::CodeTask> task,
                                       std::string program, const tasks::GradeRules& rules,
                                       tasks::GradeDone done) {
  return post_judgement(
      [task = std::move(task), program = std::move(program), rules](sandbox::Sandbox& sandbox,
                                                                    tasks::GradeDone ended) {
        return tasks::grade(sandbox, task, program, rules, std::move(ended));
      },
      std::move(done));
}

void CodeJudge::stop(Id judgement) {
  post([this, judgement](sandbox::Sandbox&) {
    const auto here = running_.find(judgement);
    if (here != running_.end() && here->second) here->second();
  });
}

void CodeJudge::ask(std::function<void()> alive) {
  post([alive = std::move(alive)](sandbox::Sandbox&) { alive(); });
}

}  // namespace thespis
