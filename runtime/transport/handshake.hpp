#pragma once
// Mutual proof of the shared secret, and the authenticated records that follow on the same
// connection. Bytes in, bytes out: no sockets, no clock.
//   HS-1  An unauthenticated peer gets at most kHandshakeBytesMax bytes looked at, all of fixed
//        layout.
//   HS-2  Both sides prove the secret over both nonces (HMAC-SHA256); no proof can be reflected or
//        replayed.
//   HS-3  The acceptor proves nothing before the dialler did: it is no oracle.
//   HS-4  Every record carries a MAC over its direction, its number and its bytes; the first that
//        does not verify ends the connection.
// Proof of knowledge, not secrecy: records and messages are not encrypted.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::transport {

constexpr uint16_t kProtocolVersion = 1;
constexpr uint64_t kHelloBytes = 48;
constexpr uint64_t kProofBytes = 32;
constexpr uint64_t kHandshakeBytesMax = kHelloBytes + 1 + kProofBytes;
constexpr uint64_t kRecordBytesMax = uint64_t{64} << 10;

using Key = std::array<uint8_t, 32>;

/// HMAC-SHA256.
Key hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> bytes);
/// Takes the same time wherever they differ.
bool same_bytes(std::span<const uint8_t> a, std::span<const uint8_t> b);

enum class Side : uint8_t { kDialer = 1, kAcceptor = 2 };

class Handshake {
 public:
  enum class Status { kGoing, kDone, kFailed };

  /// `version` differs from ours in tests only.
  Handshake(Side side, std::string secret, uint16_t version = kProtocolVersion);

  /// Looks at received bytes and returns how many it took: what follows a finished handshake is
  /// not its own.
  size_t feed(std::span<const uint8_t> bytes);
  /// What is to be sent now.
  std::vector<uint8_t> take_output();
  Status status() const { return status_; }
  /// Why it failed: the end of a sentence that begins with the peer's address.
  const std::string& failure() const { return failure_; }
  /// Of the records that this side sends, and of those it receives. After kDone.
  Key send_key() const;
  Key receive_key() const;

 private:
  enum class Step { kHello, kProof, kVerdict };
  void on_hello(std::span<const uint8_t> hello);
  void on_proof(std::span<const uint8_t> proof);
  void on_verdict(std::span<const uint8_t> verdict);
  size_t wanted_bytes() const;
  Key keyed(std::string_view label) const;
  void fail(std::string why);

  Side side_;
  std::string secret_;
  uint16_t version_;
  Step step_ = Step::kHello;
  Status status_ = Status::kGoing;
  std::string failure_;
  std::array<uint8_t, 32> own_nonce_{};
  std::array<uint8_t, 32> peer_nonce_{};
  std::vector<uint8_t> input_;
  std::vector<uint8_t> output_;
};

/// Length-prefixed, authenticated records in both directions.
class RecordStream {
 public:
  RecordStream(Key send_key, Key receive_key);
  /// The bytes to send for one record; `payload` has 1 to kRecordBytesMax bytes.
  std::vector<uint8_t> seal(std::span<const uint8_t> payload);
  void feed(std::span<const uint8_t> bytes);
  /// The next whole record. Throws Error for a record that is too long or not authentic.
  std::optional<std::vector<uint8_t>> next();

 private:
  Key send_key_;
  Key receive_key_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  std::vector<uint8_t> input_;
};

}  // namespace thespis::transport
