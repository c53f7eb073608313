// Goal: C-1 and C-3 (cluster.hpp): strangers get nothing, and what a broken peer sends ends that
// peer's connection only.
// Method: raw sockets that say anything, and a peer made of the transport's parts that knows the
// secret but misbehaves.

#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <functional>
#include <random>

#include "runtime/base/error.hpp"
#include "runtime/cluster/error_text.hpp"
#include "runtime/transport/handshake.hpp"
#include "runtime/transport/host_identity.hpp"
#include "runtime/transport/socket.hpp"
#include "runtime/transport/ucx_channel.hpp"
#include "schemas/transport.capnp.h"
#include "tests/runtime/cluster/test_node.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using transport::Fd;

namespace {

Fd connect_to(const std::string& address) {
  const auto to = transport::resolve(transport::parse_host_port(address), false).front();
  Fd socket = transport::start_connect(to);
  pollfd wait{socket.get(), POLLOUT, 0};
  REQUIRE(poll(&wait, 1, -1) == 1);
  return socket;
}

void say(const Fd& socket, std::span<const uint8_t> bytes) {
  // The other side may have hung up already: that is its right.
  while (!bytes.empty()) {
    const ssize_t count = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

// Blocks until something comes; empty at the end of the connection.
std::vector<uint8_t> hear(const Fd& socket) {
  pollfd wait{socket.get(), POLLIN, 0};
  REQUIRE(poll(&wait, 1, -1) == 1);
  std::vector<uint8_t> bytes(65536);
  const ssize_t count = recv(socket.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return bytes;
}

bool hung_up(const Fd& socket) {
  for (;;)
    if (hear(socket).empty()) return true;
}

// Knows the secret and the protocol, and then does what a test wants.
class RawPeer {
 public:
  explicit RawPeer(TestNode& node) : socket_(connect_to(node.cluster->address())) {
    transport::Handshake handshake(transport::Side::kDialer, kSecret);
    std::vector<uint8_t> rest;
    while (handshake.status() == transport::Handshake::Status::kGoing) {
      say(socket_, handshake.take_output());
      rest = hear(socket_);
      REQUIRE_FALSE(rest.empty());
      const size_t taken = handshake.feed(rest);
      rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    REQUIRE(handshake.status() == transport::Handshake::Status::kDone);
    records_.emplace(handshake.send_key(), handshake.receive_key());
    records_->feed(rest);
  }

  void say_control(const std::function<void(wire::Control::Builder)>& fill) {
    const auto message = wire::Message<wire::Control>::build(fill);
    say(socket_, records_->seal(message.frame().bytes()));
  }

  // Up to the point where frames may flow.
  void introduce() {
    say_control([](wire::Control::Builder out) {
      auto offer = out.initOffer();
      offer.setName("raw");
      offer.setAddress("nowhere:1");
      offer.setMemoryDomain(transport::memory_domain());
    });
    std::optional<std::vector<uint8_t>> record;
    while (!(record = records_->next())) records_->feed(hear(socket_));
    const auto control = wire::Message<wire::Control>::adopt(wire::Frame::copy(*record));
    const auto view = control.read();
    const auto answer = view->getAnswer();
    front = answer.getFront();
    peer_token = answer.getChannel().getToken();
    channel_ = std::make_unique<transport::UcxChannel>(
        std::make_shared<transport::UcxContext>(transport::UcxContext::shared_memory()),
        std::make_shared<transport::BufferPool>(0), 1,
        transport::UcxChannel::Limits{.frame_bytes_max = 1 << 30});
    const auto address = answer.getChannel().getWorkerAddress();
    address_.assign(reinterpret_cast<const char*>(address.begin()), address.size());
    const std::string own = channel_->address();
    say_control([&](wire::Control::Builder out) {
      auto ready = out.initReady().initChannel();
      ready.setWorkerAddress({reinterpret_cast<const uint8_t*>(own.data()), own.size()});
      ready.setToken(1);
    });
  }

  void send_frame(transport::FrameHeader header, wire::Frame frame, uint64_t token) {
    if (!connected_) channel_->connect(address_, token);
    connected_ = true;
    header.to = header.to == 0 ? front : header.to;
    channel_->send(header, std::move(frame));
    channel_->progress();
  }
  void progress() { channel_->progress(); }
  // Large frames only move while their sender makes progress.
  bool hung_up() {
    for (;;) {
      if (channel_) channel_->progress();
      pollfd wait{socket_.get(), POLLIN, 0};
      if (poll(&wait, 1, channel_ ? 0 : -1) == 1 && hear(socket_).empty()) return true;
    }
  }

  uint64_t front = 0;
  uint64_t peer_token = 0;

 private:
  Fd socket_;
  std::optional<transport::RecordStream> records_;
  std::unique_ptr<transport::UcxChannel> channel_;
  std::string address_;
  bool connected_ = false;
};

std::vector<uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

// A node that was attacked still works for others.
void check_still_serves(TestNode& node) {
  TestNode friendly;
  const caf::actor front = friendly.cluster->join(node.cluster->address());
  caf::scoped_actor self{friendly.system};
  CHECK(ask(self, front, generate(1)));
}

}  // namespace

TEST_CASE("cluster: another secret is refused on both sides", "[runtime][cluster][hostile]") {
  TestNode node;
  cluster::ClusterOptions other = options();
  other.secret = "another secret";
  TestNode stranger(other);
  CHECK_THROWS_MATCHES(stranger.cluster->join(node.cluster->address()), Error,
                       MessageMatches(ContainsSubstring(node.cluster->address()) &&
                                      ContainsSubstring("secrets differ")));
  CHECK(eventually([&] { return node.cluster->status().refused_connections == 1; }));
  CHECK(node.cluster->status().peers == 0);
}

TEST_CASE("cluster: no secret, no cluster", "[runtime][cluster][hostile]") {
  caf::actor_system_config config;
  caf::actor_system system{config};
  const wire::Registry registry = wire::Registry::all();
  cluster::ClusterOptions with = options();
  with.secret.clear();
  CHECK_THROWS_AS(cluster::Cluster(system, registry, with), InputError);
}

TEST_CASE("cluster: joining what is not there says why", "[runtime][cluster][hostile]") {
  TestNode node;
  CHECK_THROWS_AS(node.cluster->join("no port"), InputError);
  CHECK_THROWS_AS(node.cluster->join("127.0.0.1:70000"), InputError);
  CHECK_THROWS_AS(node.cluster->join("127.0.0.1:0"), InputError);
  std::string free_address;
  {
    const Fd listener = transport::listen_tcp({"127.0.0.1", 0}, 1);
    free_address = transport::local_address(listener);
  }
  CHECK_THROWS_MATCHES(node.cluster->join(free_address), Error,
                       MessageMatches(ContainsSubstring("refused")));
}

TEST_CASE("cluster: a server of another kind is recognised", "[runtime][cluster][hostile]") {
  TestNode node;
  const Fd listener = transport::listen_tcp({"127.0.0.1", 0}, 1);
  std::jthread server([&] {
    pollfd wait{listener.get(), POLLIN, 0};
    poll(&wait, 1, -1);
    const Fd client = transport::accept_tcp(listener);
    say(client, bytes_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
    hung_up(client);
  });
  CHECK_THROWS_MATCHES(node.cluster->join(transport::local_address(listener)), Error,
                       MessageMatches(ContainsSubstring("not a Thespis node")));
}

TEST_CASE("cluster: a node without a front takes no members", "[runtime][cluster][hostile]") {
  TestNode node, other;
  node.cluster->set_front(nullptr);
  CHECK_THROWS_MATCHES(other.cluster->join(node.cluster->address()), Error,
                       MessageMatches(ContainsSubstring("takes no members yet")));
}

TEST_CASE("cluster: tcp and shared memory cannot be demanded at once",
          "[runtime][cluster][hostile]") {
  TestNode a(options(cluster::Path::kTcp)), b(options(cluster::Path::kSharedMemory));
  CHECK_THROWS_AS(b.cluster->join(a.cluster->address()), Error);
}

TEST_CASE("cluster: garbage on the port is hung up on", "[runtime][cluster][hostile][fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  TestNode node;
  for (int i = 0; i < 40; ++i) {
    const Fd socket = connect_to(node.cluster->address());
    std::vector<uint8_t> bytes(1 + random() % 5'000);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    if (i % 3 == 0) bytes = bytes_of("GET / HTTP/1.1\r\n\r\n");
    say(socket, bytes);
    REQUIRE(hung_up(socket));
  }
  CHECK(eventually([&] { return node.cluster->status().refused_connections == 40; }));
  check_still_serves(node);
}

TEST_CASE("cluster: a stranger that says nothing is hung up on", "[runtime][cluster][hostile]") {
  cluster::ClusterOptions with = options();
  with.handshake_deadline = std::chrono::milliseconds(50);
  TestNode node(with);
  const Fd socket = connect_to(node.cluster->address());
  CHECK(hung_up(socket));
}

TEST_CASE("cluster: strangers cannot take up all connections", "[runtime][cluster][hostile]") {
  TestNode node;
  std::vector<Fd> strangers;
  for (int i = 0; i < 100; ++i) strangers.push_back(connect_to(node.cluster->address()));
  // Those beyond the limit are hung up on at once; the others keep waiting.
  CHECK(eventually([&] { return node.cluster->status().refused_connections == 36; }));
  strangers.clear();
  CHECK(eventually([&] { return node.cluster->status().refused_connections == 100; }));
  check_still_serves(node);
}

TEST_CASE("cluster: a frame without the token is dropped", "[runtime][cluster][hostile]") {
  TestNode node;
  RawPeer raw(node);
  raw.introduce();
  raw.send_frame({.kind = transport::FrameKind::kExit}, {}, raw.peer_token + 1);
  check_still_serves(node);
  CHECK(node.cluster->status().messages_received == 0);
}

TEST_CASE("cluster: a malformed frame ends its connection only", "[runtime][cluster][hostile]") {
  TestNode node;
  RawPeer raw(node);
  raw.introduce();
  REQUIRE(eventually([&] { return node.cluster->status().peers == 1; }));
  transport::FrameHeader header;
  header.type_id = Generate::type_id();
  header.message = caf::make_message_id().integer_value();
  wire::Frame frame = generate(1).frame();
  SECTION("of an unknown kind") {
    header.kind = static_cast<transport::FrameKind>(99);
  }
  SECTION("of an unknown type") {
    header.type_id = 99;
  }
  SECTION("empty") {
    frame = {};
  }
  SECTION("with an answer's kind") {
    header.kind = transport::FrameKind::kError;
  }
  SECTION("with wild pointers") {
    frame = wire::Frame::copy(std::vector<uint8_t>(64, uint8_t{0xff}));
  }
  SECTION("with a segment table beyond its end") {
    std::vector<uint8_t> bytes(16);
    bytes[4] = 200;
    frame = wire::Frame::copy(bytes);
  }
  raw.send_frame(header, frame, raw.peer_token);
  CHECK(raw.hung_up());
  CHECK(eventually([&] { return node.cluster->status().peers == 0; }));
  check_still_serves(node);
}

TEST_CASE("cluster: an oversized frame ends its connection only", "[runtime][cluster][hostile]") {
  cluster::ClusterOptions with = options();
  with.frame_bytes_max = 100'000;
  TestNode node(with);
  RawPeer raw(node);
  raw.introduce();
  transport::FrameHeader header;
  header.type_id = Generate::type_id();
  header.message = caf::make_message_id().integer_value();
  raw.send_frame(header, generate(1, 1'000'000).frame(), raw.peer_token);
  CHECK(raw.hung_up());
  check_still_serves(node);
}

TEST_CASE("cluster: an actor that was not shown to a peer is out of its reach",
          "[runtime][cluster][hostile]") {
  TestNode node;
  RawPeer raw(node);
  raw.introduce();
  transport::FrameHeader header;
  header.kind = transport::FrameKind::kExit;
  header.message = caf::make_message_id().integer_value();
  const wire::Frame kill = cluster::error_to_frame(caf::exit_reason::kill);
  for (uint64_t to = 1; to < 200; ++to) {
    if (to == raw.front) continue;
    header.to = to;
    raw.send_frame(header, kill, raw.peer_token);
  }
  REQUIRE(eventually([&] {
    raw.progress();
    return node.cluster->status().messages_received == 198;
  }));
  check_still_serves(node);
  // And the front is within its reach: the frames were good ones.
  caf::scoped_actor self{node.system};
  self->monitor(node.front);
  header.to = raw.front;
  raw.send_frame(header, kill, raw.peer_token);
  self->receive([](const caf::down_msg& down) { CHECK(down.reason == caf::exit_reason::kill); },
                caf::after(kGenerous) >> [] { FAIL("the front was not reached"); });
}

TEST_CASE("cluster: control records out of turn end the connection",
          "[runtime][cluster][hostile]") {
  TestNode node;
  RawPeer raw(node);
  SECTION("ready before an offer") {
    raw.say_control([](wire::Control::Builder out) { out.initReady(); });
  }
  SECTION("an answer to nothing") {
    raw.say_control([](wire::Control::Builder out) { out.initAnswer(); });
  }
  SECTION("a heartbeat before an offer") {
    raw.say_control([](wire::Control::Builder out) { out.initHeartbeat(); });
  }
  SECTION("a leave before an offer") {
    raw.say_control([](wire::Control::Builder out) { out.initLeave(); });
  }
  CHECK(raw.hung_up());
  check_still_serves(node);
}
