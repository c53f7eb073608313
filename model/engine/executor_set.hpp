#pragma once
// Executors lent to whichever thread works at the moment; as many as threads ever worked at once.

#include <memory>
#include <mutex>
#include <vector>

#include "model/engine/executor.hpp"

namespace thespis::model {

class ExecutorSet {
 public:
  ExecutorSet(std::shared_ptr<const Plan> plan, Executor::Purpose purpose)
      : plan_(std::move(plan)), purpose_(purpose) {}

  /// Gives the executor back when it ends; must not outlive the set.
  class Loan {
   public:
    Loan(ExecutorSet& set, std::unique_ptr<Executor> executor)
        : set_(set), executor_(std::move(executor)) {}
    ~Loan() {
      const std::lock_guard lock(set_.mutex_);
      set_.idle_.push_back(std::move(executor_));
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Executor& operator*() const { return *executor_; }
    Executor* operator->() const { return executor_.get(); }

   private:
    ExecutorSet& set_;
    std::unique_ptr<Executor> executor_;
  };

  Loan borrow() {
    std::unique_ptr<Executor> executor;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        executor = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (executor == nullptr) executor = std::make_unique<Executor>(plan_, purpose_);
    return Loan(*this, std::move(executor));
  }

 private:
  const std::shared_ptr<const Plan> plan_;
  const Executor::Purpose purpose_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Executor>> idle_;
};

}  // namespace thespis::model
