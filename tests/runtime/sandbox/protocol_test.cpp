// Goal: PR-1 (protocol.hpp): a message survives its encoding whole, and no other bytes are taken
// for one, or read or allocated beyond.
// Method: round trips; mutations of real messages, whose survivors must encode to what they were;
// frames in pieces of every size.

#include "runtime/sandbox/protocol.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>

#include "runtime/sandbox/worker.hpp"
#include "tests/support/mutations.hpp"

using namespace thespis;
using namespace thespis::sandbox;

namespace {

RunRequest some_request() {
  RunRequest request;
  request.start = Start::kZygote;
  request.without.add(Layer::kSeccomp);
  request.limits.cpu_s = 1.5;
  request.argv = {"main.py", "", "two words"};
  request.files = {{"main.py", std::string("print(1)\0\xff", 10)}, {"data", ""}};
  request.inherited = {4, 9};
  request.take = "main";
  return request;
}

RunReply some_reply() {
  RunReply reply;
  reply.outcome.ending = Ending::kSignal;
  reply.outcome.code = 11;
  reply.outcome.output = std::string(300, 'o');
  reply.outcome.errors = std::string("\0\n", 2);
  reply.outcome.result = "7";
  reply.outcome.cpu_s = 0.25;
  reply.outcome.memory_peak_bytes = 1 << 20;
  reply.took_file = true;
  reply.outcome.survivors = 3;
  return reply;
}

std::string frame(FrameKind kind, const std::string& body) {
  const FrameHeader header{kind, static_cast<uint32_t>(body.size())};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
}

/// Feeds `bytes` in pieces; the frames that came out, and whether the reader objected.
std::pair<std::vector<FrameReader::Frame>, bool> read_frames(std::string_view bytes, size_t piece,
                                                             uint32_t bytes_max) {
  FrameReader reader(bytes_max);
  std::vector<FrameReader::Frame> frames;
  while (!bytes.empty()) {
    const auto space = reader.space();
    const size_t size = std::min({space.size(), piece, bytes.size()});
    REQUIRE(size > 0);
    std::memcpy(space.data(), bytes.data(), size);
    bytes.remove_prefix(size);
    if (!reader.filled(size)) return {std::move(frames), true};
    if (auto whole = reader.take()) frames.push_back(std::move(*whole));
  }
  return {std::move(frames), false};
}

std::vector<std::string> pieces() {
  return {std::string(4, '\0'),
          std::string(4, '\xff'),
          "..",
          "/",
          std::string("\x01\0\0\0", 4),
          std::string(8, '\x7f'),
          std::string("\0\0\0\0\0\0\xf0\x7f", 8)};
}

}  // namespace

TEST_CASE("sandbox protocol: messages come back as they were", "[runtime][sandbox]") {
  const auto request = decode_request(encode(some_request()));
  REQUIRE(request);
  CHECK(request->start == Start::kZygote);
  CHECK(request->without == some_request().without);
  CHECK(request->limits == some_request().limits);
  CHECK(request->argv == some_request().argv);
  REQUIRE(request->files.size() == 2);
  CHECK(request->files[0].bytes == some_request().files[0].bytes);
  CHECK(request->inherited == std::vector<int>{4, 9});
  CHECK(request->take == "main");
  const auto reply = decode_reply(encode(some_reply()));
  REQUIRE(reply);
  CHECK(encode(*reply) == encode(some_reply()));
  CHECK(reply->outcome.code == 11);
  const LauncherRequest call{LauncherCall::kKeeper, 7, true, "a/b"};
  const auto back = decode_launcher_request(encode(call));
  REQUIRE(back);
  CHECK(encode(*back) == encode(call));
  const LauncherReply answer{"why", 17, {{Layer::kMemory, LayerState::kBroken, "cgroup v1"}}};
  const auto answered = decode_launcher_reply(encode(answer));
  REQUIRE(answered);
  CHECK(encode(*answered) == encode(answer));
}

TEST_CASE("sandbox protocol: names that lead elsewhere are refused", "[runtime][sandbox]") {
  for (const std::string& name :
       {std::string(""), std::string("."), std::string(".."), std::string("a/b"),
        std::string("/etc/passwd"), std::string("a\0b", 3), std::string(300, 'x')}) {
    RunRequest request = some_request();
    request.files[0].name = name;
    CHECK_FALSE(decode_request(encode(request)));
    request = some_request();
    request.take = name;
    CHECK(decode_request(encode(request)).has_value() == name.empty());
  }
  RunRequest request = some_request();
  request.inherited = {3};
  CHECK_FALSE(decode_request(encode(request)));
  request.inherited = {4, 5, 6, 7, 8};
  CHECK_FALSE(decode_request(encode(request)));
  request = some_request();
  request.argv.clear();
  CHECK_FALSE(decode_request(encode(request)));
}

TEST_CASE("sandbox protocol: fuzz", "[runtime][sandbox]") {
  const LauncherRequest call{LauncherCall::kInstall, 3, false, "python/a.py"};
  const LauncherReply answer{"", 0, {{Layer::kPid, LayerState::kHolds, "a namespace"}}};
  test::Mutations mutations(
      71, {encode(some_request()), encode(some_reply()), encode(call), encode(answer)}, pieces());
  int taken = 0, refused = 0;
  mutations.run("sandbox messages", 20000, [&](const std::string& bytes) {
    const auto same = [&](const auto& message) {
      if (!message) {
        ++refused;
        return true;
      }
      ++taken;
      return encode(*message) == bytes;
    };
    REQUIRE(same(decode_request(bytes)));
    REQUIRE(same(decode_reply(bytes)));
    REQUIRE(same(decode_launcher_request(bytes)));
    REQUIRE(same(decode_launcher_reply(bytes)));
  });
  CHECK(taken > 100);
  CHECK(refused > 100);
}

TEST_CASE("sandbox protocol: fuzz of frames", "[runtime][sandbox]") {
  const std::string stream = frame(FrameKind::kPong, "") + frame(FrameKind::kReply, "abc") +
                             frame(FrameKind::kReply, std::string(100, 'x'));
  for (size_t piece = 1; piece < 40; ++piece) {
    const auto [frames, objected] = read_frames(stream, piece, 1000);
    CHECK_FALSE(objected);
    REQUIRE(frames.size() == 3);
    CHECK(frames[1].body == "abc");
    CHECK(frames[2].body == std::string(100, 'x'));
  }
  CHECK(read_frames(frame(FrameKind::kReply, std::string(1001, 'x')), 64, 1000).second);
  CHECK(read_frames(frame(FrameKind::kRun, "a"), 64, 1000).second);
  test::Mutations mutations(72, {stream, frame(FrameKind::kReply, encode(some_reply()))}, pieces());
  int whole = 0, objections = 0;
  mutations.run("sandbox frames", 20000, [&](const std::string& bytes) {
    const auto [frames, objected] = read_frames(bytes, 1 + bytes.size() % 50, 1000);
    for (const auto& one : frames) REQUIRE(one.body.size() <= 1000);
    whole += static_cast<int>(frames.size());
    objections += objected;
  });
  CHECK(whole > 100);
  CHECK(objections > 100);
}
