#include "runtime/transport/handshake.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"

namespace thespis::transport {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'T', 'H', 'E', 'S', 'P', 'I', 'S', '\n'};
constexpr uint64_t kMacBytes = 16;
constexpr uint64_t kLengthBytes = 4;
constexpr uint8_t kAccepted = 1;
constexpr uint8_t kRefused = 2;

void append(std::vector<uint8_t>& to, std::span<const uint8_t> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

template <class T>
void append_little_endian(std::vector<uint8_t>& to, T value) {
  for (size_t i = 0; i < sizeof value; ++i) to.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// MAC of the record's number, its length and its bytes, cut to 16 bytes. The direction is in the
// key.
std::array<uint8_t, kMacBytes> record_mac(const Key& key, uint64_t number,
                                          std::span<const uint8_t> payload) {
  std::vector<uint8_t> text;
  append_little_endian(text, number);
  append(text, payload);
  const Key whole = hmac_sha256(key, text);
  std::array<uint8_t, kMacBytes> mac;
  std::copy_n(whole.begin(), kMacBytes, mac.begin());
  return mac;
}

}  // namespace

Key hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> bytes) {
  Key mac;
  unsigned size = 0;
  const unsigned char* done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                   bytes.data(), bytes.size(), mac.data(), &size);
  if (done == nullptr || size != mac.size()) throw Error("OpenSSL cannot compute HMAC-SHA256");
  return mac;
}

bool same_bytes(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Handshake::Handshake(Side side, std::string secret, uint16_t version)
    : side_(side), secret_(std::move(secret)), version_(version) {
  env::fill_secret(own_nonce_.data(), own_nonce_.size());
  if (side_ == Side::kAcceptor) return;  // The dialler speaks first.
  step_ = Step::kHello;
  append(output_, kMagic);
  append_little_endian(output_, version_);
  output_.resize(kHelloBytes - own_nonce_.size());
  append(output_, own_nonce_);
}

std::vector<uint8_t> Handshake::take_output() {
  return std::exchange(output_, {});
}

void Handshake::fail(std::string why) {
  status_ = Status::kFailed;
  failure_ = std::move(why);
}

size_t Handshake::wanted_bytes() const {
  switch (step_) {
    case Step::kHello:
      return kHelloBytes;
    case Step::kProof:
      return kProofBytes;
    case Step::kVerdict:
      // The verdict's first byte tells whether a proof follows.
      return !input_.empty() && input_.front() == kAccepted ? 1 + kProofBytes : 1;
  }
  THESPIS_ASSERT(false);
}

size_t Handshake::feed(std::span<const uint8_t> bytes) {
  size_t taken = 0;
  while (status_ == Status::kGoing && taken < bytes.size()) {
    const size_t count = std::min(wanted_bytes() - input_.size(), bytes.size() - taken);
    append(input_, bytes.subspan(taken, count));
    taken += count;
    // A stranger is told from its first bytes: it may never send the rest.
    const size_t magic_bytes = std::min(input_.size(), kMagic.size());
    if (step_ == Step::kHello &&
        !std::equal(input_.begin(), input_.begin() + magic_bytes, kMagic.begin()))
      fail("is not a Thespis node");
    if (status_ != Status::kGoing || input_.size() < wanted_bytes()) continue;
    const std::vector<uint8_t> message = std::exchange(input_, {});
    switch (step_) {
      case Step::kHello:
        on_hello(message);
        break;
      case Step::kProof:
        on_proof(message);
        break;
      case Step::kVerdict:
        on_verdict(message);
        break;
    }
  }
  return taken;
}

void Handshake::on_hello(std::span<const uint8_t> hello) {
  const uint16_t version = static_cast<uint16_t>(hello[8] | (hello[9] << 8));
  std::copy(hello.end() - 32, hello.end(), peer_nonce_.begin());
  if (side_ == Side::kAcceptor) {
    // Also where the versions differ, so that the dialler can say so.
    append(output_, kMagic);
    append_little_endian(output_, version_);
    output_.resize(kHelloBytes - own_nonce_.size());
    append(output_, own_nonce_);
  }
  if (version != version_) {
    fail("speaks version " + std::to_string(version) + " of the protocol, this node speaks " +
         std::to_string(version_) + ": run the same release on both");
    return;
  }
  if (side_ == Side::kAcceptor) {
    step_ = Step::kProof;
  } else {
    append(output_, keyed("thespis dialler"));
    step_ = Step::kVerdict;
  }
}

void Handshake::on_proof(std::span<const uint8_t> proof) {
  if (!same_bytes(proof, keyed("thespis dialler"))) {
    output_.push_back(kRefused);
    fail("does not know this cluster's secret");
    return;
  }
  output_.push_back(kAccepted);
  append(output_, keyed("thespis acceptor"));
  status_ = Status::kDone;
}

void Handshake::on_verdict(std::span<const uint8_t> verdict) {
  if (verdict.front() == kRefused) {
    fail("refused this node: the secrets differ");
  } else if (verdict.front() != kAccepted) {
    fail("is not a Thespis node");
  } else if (!same_bytes(verdict.subspan(1), keyed("thespis acceptor"))) {
    fail("does not know this cluster's secret");
  } else {
    status_ = Status::kDone;
  }
}

Key Handshake::keyed(std::string_view label) const {
  const bool dialer = side_ == Side::kDialer;
  std::vector<uint8_t> text(label.begin(), label.end());
  text.push_back(0);
  append_little_endian(text, version_);
  append(text, dialer ? own_nonce_ : peer_nonce_);
  append(text, dialer ? peer_nonce_ : own_nonce_);
  return hmac_sha256({reinterpret_cast<const uint8_t*>(secret_.data()), secret_.size()}, text);
}

Key Handshake::send_key() const {
  THESPIS_ASSERT(status_ == Status::kDone);
  return keyed(side_ == Side::kDialer ? "thespis records of the dialler"
                                      : "thespis records of the acceptor");
}

Key Handshake::receive_key() const {
  THESPIS_ASSERT(status_ == Status::kDone);
  return keyed(side_ == Side::kDialer ? "thespis records of the acceptor"
                                      : "thespis records of the dialler");
}

RecordStream::RecordStream(Key send_key, Key receive_key)
    : send_key_(send_key), receive_key_(receive_key) {}

std::vector<uint8_t> RecordStream::seal(std::span<const uint8_t> payload) {
  THESPIS_ASSERT(!payload.empty() && payload.size() <= kRecordBytesMax);
  std::vector<uint8_t> bytes;
  append_little_endian(bytes, static_cast<uint32_t>(payload.size()));
  append(bytes, record_mac(send_key_, sent_++, payload));
  append(bytes, payload);
  return bytes;
}

void RecordStream::feed(std::span<const uint8_t> bytes) {
  append(input_, bytes);
}

std::optional<std::vector<uint8_t>> RecordStream::next() {
  if (input_.size() < kLengthBytes) return std::nullopt;
  uint32_t size = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) size |= static_cast<uint32_t>(input_[i]) << (8 * i);
  if (size == 0 || size > kRecordBytesMax)
    throw Error("it sent a control record of " + std::to_string(size) + " bytes; the limit is " +
                std::to_string(kRecordBytesMax));
  const size_t whole = kLengthBytes + kMacBytes + size;
  if (input_.size() < whole) return std::nullopt;
  const std::span<const uint8_t> mac(input_.data() + kLengthBytes, kMacBytes);
  std::vector<uint8_t> payload(input_.begin() + kLengthBytes + kMacBytes, input_.begin() + whole);
  if (!same_bytes(mac, record_mac(receive_key_, received_, payload)))
    throw Error("it sent a control record that is not authentic");
  ++received_;
  input_.erase(input_.begin(), input_.begin() + whole);
  return payload;
}

}  // namespace thespis::transport
