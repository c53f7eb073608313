// Goal: HS-1 to HS-4 (handshake.hpp): only two holders of one secret get through, whatever a
// stranger sends.
// Method: both sides in memory, byte by byte; wrong secrets, versions, reflections, replays,
// flipped bits, random bytes.

#include "runtime/transport/handshake.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <string>

#include "runtime/base/error.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using transport::Handshake;
using transport::RecordStream;
using transport::Side;

namespace {

using Bytes = std::vector<uint8_t>;

// Carries bytes between the two, `piece` at a time, until neither has anything to say.
void talk(Handshake& a, Handshake& b, size_t piece) {
  for (bool spoke = true; spoke;) {
    spoke = false;
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      const Bytes said = from->take_output();
      for (size_t at = 0; at < said.size(); at += piece)
        to->feed(std::span(said).subspan(at, std::min(piece, said.size() - at)));
      spoke = spoke || !said.empty();
    }
  }
}

}  // namespace

TEST_CASE("handshake: HMAC-SHA256 is that of RFC 4231", "[runtime][transport]") {
  // Test case 2 of the RFC.
  const std::string key = "Jefe", text = "what do ya want for nothing?";
  const auto mac =
      transport::hmac_sha256({reinterpret_cast<const uint8_t*>(key.data()), key.size()},
                             {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  const transport::Key expected = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                                   0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                                   0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
  CHECK(mac == expected);
}

TEST_CASE("handshake: one secret on both sides is enough", "[runtime][transport]") {
  for (const size_t piece : {1, 7, 1000}) {
    Handshake dialer(Side::kDialer, "the secret"), acceptor(Side::kAcceptor, "the secret");
    talk(dialer, acceptor, piece);
    REQUIRE(dialer.status() == Handshake::Status::kDone);
    REQUIRE(acceptor.status() == Handshake::Status::kDone);
    CHECK(dialer.send_key() == acceptor.receive_key());
    CHECK(acceptor.send_key() == dialer.receive_key());
    CHECK(dialer.send_key() != acceptor.send_key());
  }
}

TEST_CASE("handshake: another secret is refused, with the reason", "[runtime][transport]") {
  Handshake dialer(Side::kDialer, "a secret"), acceptor(Side::kAcceptor, "the secret");
  talk(dialer, acceptor, 1000);
  CHECK(dialer.status() == Handshake::Status::kFailed);
  CHECK(dialer.failure().find("secrets differ") != std::string::npos);
  CHECK(acceptor.status() == Handshake::Status::kFailed);
}

TEST_CASE("handshake: another version is refused, with both named", "[runtime][transport]") {
  Handshake dialer(Side::kDialer, "the secret", 2), acceptor(Side::kAcceptor, "the secret", 1);
  talk(dialer, acceptor, 1000);
  CHECK(dialer.status() == Handshake::Status::kFailed);
  CHECK(dialer.failure().find("version 1") != std::string::npos);
  CHECK(acceptor.status() == Handshake::Status::kFailed);
  CHECK(acceptor.failure().find("version 2") != std::string::npos);
}

TEST_CASE("handshake: an acceptor that pretends is found out", "[runtime][transport]") {
  Handshake dialer(Side::kDialer, "the secret");
  Bytes hello = dialer.take_output();
  dialer.feed(hello);  // Its own hello, reflected.
  const Bytes proof = dialer.take_output();
  REQUIRE(proof.size() == transport::kProofBytes);
  Bytes verdict = {1};
  verdict.insert(verdict.end(), proof.begin(), proof.end());  // Its own proof, reflected.
  dialer.feed(verdict);
  CHECK(dialer.status() == Handshake::Status::kFailed);
}

TEST_CASE("handshake: a recorded dialler cannot be replayed", "[runtime][transport]") {
  Handshake dialer(Side::kDialer, "the secret"), acceptor(Side::kAcceptor, "the secret");
  const Bytes hello = dialer.take_output();
  acceptor.feed(hello);
  dialer.feed(acceptor.take_output());
  const Bytes proof = dialer.take_output();
  Handshake later(Side::kAcceptor, "the secret");
  later.feed(hello);
  later.feed(proof);
  CHECK(later.status() == Handshake::Status::kFailed);
}

TEST_CASE("handshake: no random bytes get through, and few are looked at",
          "[runtime][transport][fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  uint64_t beyond_hello = 0;
  for (int round = 0; round < 5'000; ++round) {
    const Side side = random() % 2 == 0 ? Side::kAcceptor : Side::kDialer;
    Handshake victim(side, "the secret");
    Bytes bytes(random() % 400);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    if (random() % 2 == 0) {  // A true hello in front.
      Handshake other(Side::kDialer, "another");
      const Bytes hello = other.take_output();
      bytes.insert(bytes.begin(), hello.begin(), hello.end());
    }
    const size_t taken = victim.feed(bytes);
    beyond_hello += taken > transport::kHelloBytes;
    REQUIRE(victim.status() != Handshake::Status::kDone);
    REQUIRE(taken <= transport::kHandshakeBytesMax);
  }
  CHECK(beyond_hello > 100);
}

TEST_CASE("records: arrive whole, in order, and only unaltered", "[runtime][transport][fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  const transport::Key one{1}, two{2};
  RecordStream sender(one, two), receiver(two, one);
  for (int round = 0; round < 200; ++round) {
    Bytes payload(1 + random() % 3'000);
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
    const Bytes sealed = sender.seal(payload);
    const size_t cut = random() % sealed.size();
    receiver.feed(std::span(sealed).first(cut));
    REQUIRE_FALSE(receiver.next());
    receiver.feed(std::span(sealed).subspan(cut));
    REQUIRE(receiver.next() == payload);
  }
  SECTION("a flipped bit") {
    Bytes sealed = sender.seal(Bytes{1, 2, 3});
    sealed[4 + random() % (sealed.size() - 4)] ^= 1;
    receiver.feed(sealed);
    CHECK_THROWS_AS(receiver.next(), Error);
  }
  SECTION("a replayed record") {
    const Bytes sealed = sender.seal(Bytes{1, 2, 3});
    receiver.feed(sealed);
    CHECK(receiver.next());
    receiver.feed(sealed);
    CHECK_THROWS_AS(receiver.next(), Error);
  }
  SECTION("a length beyond the limit") {
    receiver.feed(Bytes{0xff, 0xff, 0xff, 0x7f});
    CHECK_THROWS_AS(receiver.next(), Error);
  }
}
