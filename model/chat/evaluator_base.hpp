#pragma once
// What the evaluator puts on and takes off again: depth, scope, output.

#include <utility>

#include <fmt/format.h>

#include "model/chat/evaluator.hpp"

namespace thespis::model::chat {

/// Counts one level of evaluation while it lives.
class Evaluator::Depth {
 public:
  explicit Depth(Evaluator& evaluator) : evaluator_(evaluator) {
    if (evaluator_.depth_ == kEvaluationDepthMax)
      throw Fault(fmt::format("evaluation is nested more than {} deep", kEvaluationDepthMax));
    ++evaluator_.depth_;
  }
  ~Depth() { --evaluator_.depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  Evaluator& evaluator_;
};

/// A scope within another while it lives.
class Evaluator::Inner {
 public:
  Inner(Evaluator& evaluator, std::shared_ptr<const Scope> parent)
      : evaluator_(evaluator), outer_(std::move(evaluator.scope_)) {
    evaluator_.scope_ = std::make_shared<Scope>();
    evaluator_.scope_->parent = std::move(parent);
  }
  explicit Inner(Evaluator& evaluator) : Inner(evaluator, evaluator.scope_) {}
  ~Inner() { evaluator_.scope_ = std::move(outer_); }
  Inner(const Inner&) = delete;
  Inner& operator=(const Inner&) = delete;

 private:
  Evaluator& evaluator_;
  std::shared_ptr<Scope> outer_;
};

/// Keeps what is written while it lives.
class Evaluator::Capture {
 public:
  explicit Capture(Evaluator& evaluator)
      : evaluator_(evaluator), builder_(evaluator.runtime_), outer_(evaluator.out_) {
    evaluator_.out_ = &builder_;
  }
  ~Capture() { evaluator_.out_ = outer_; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  Value take() { return builder_.take(); }

 private:
  Evaluator& evaluator_;
  Builder builder_;
  Builder* outer_;
};

}  // namespace thespis::model::chat
