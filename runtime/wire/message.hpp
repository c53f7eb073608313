#pragma once
// Message<T>: a Cap'n Proto message and its owner, immutable and shared. In a process it is passed
// by reference count; between nodes its bytes go out and are read in place as they lie.
//   W-1  The bytes are one standard Cap'n Proto frame (segment table, then the segments),
//        8-aligned.
//   W-2  Copies share the bytes; nobody writes to them after build() or adopt().
//   W-3  Any number of threads may read at once: each read() has a traversal budget of its own.

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "runtime/base/assert.hpp"

namespace thespis::wire {

/// Bytes of one frame and whoever keeps them alive (a heap array, a receive buffer of UCX).
struct Frame {
  std::shared_ptr<const void> owner;
  const capnp::word* words = nullptr;
  uint64_t word_count = 0;

  uint64_t size_bytes() const { return word_count * sizeof(capnp::word); }
  std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t*>(words), size_bytes()};
  }
  /// Takes a heap array over.
  static Frame own(kj::Array<capnp::word> words);
  /// Copies bytes into an aligned array of its own; a size that is no multiple of 8 is refused with
  /// Error.
  static Frame copy(std::span<const uint8_t> bytes);
};

template <class T>
class Message {
 public:
  Message() = default;  ///< Empty: reading it is a bug. CAF needs default construction.

  /// `fill` receives T::Builder and writes the fields.
  template <class Fill>
  static Message build(Fill&& fill, uint64_t first_segment_words = 256) {
    capnp::MallocMessageBuilder builder(static_cast<unsigned>(first_segment_words));
    std::forward<Fill>(fill)(builder.initRoot<T>());
    return Message(Frame::own(capnp::messageToFlatArray(builder)));
  }
  /// Takes bytes from a peer. They are checked when read: a malformed frame throws kj::Exception
  /// there.
  static Message adopt(Frame frame) { return Message(std::move(frame)); }

  /// Keeps the frame alive and T::Reader valid for as long as it lives itself.
  class View {
   public:
    explicit View(const Frame& frame)
        : frame_(frame),
          reader_(kj::arrayPtr(frame_.words, static_cast<size_t>(frame_.word_count)),
                  options(frame)),
          root_(reader_.getRoot<T>()) {}
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    const typename T::Reader* operator->() const { return &root_; }
    const typename T::Reader& operator*() const { return root_; }

   private:
    // A reader may look at every byte a few times; a hostile frame cannot make it loop for ever.
    static capnp::ReaderOptions options(const Frame& frame) {
      capnp::ReaderOptions o;
      o.traversalLimitInWords = frame.word_count * 8 + 1024;
      return o;
    }
    Frame frame_;
    capnp::FlatArrayMessageReader reader_;
    typename T::Reader root_;
  };

  View read() const {
    THESPIS_ASSERT(frame_.words != nullptr);
    return View(frame_);
  }
  const Frame& frame() const { return frame_; }
  uint64_t size_bytes() const { return frame_.size_bytes(); }
  static constexpr uint64_t type_id() { return T::_capnpPrivate::typeId; }

 private:
  explicit Message(Frame frame) : frame_(std::move(frame)) {}
  Frame frame_;
};

/// CAF prints messages in errors only; the bytes themselves go through the cluster's codec.
template <class Inspector, class T>
auto inspect(Inspector& f, Message<T>& m) {
  uint64_t size_bytes = m.size_bytes();
  return f(size_bytes);
}

}  // namespace thespis::wire
