// What an emulated card shows that a card shows once in a thousand runs: memory that nobody wrote,
// work that was not waited for, pinned memory that is used too soon.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <cmath>

#include "tests/support/card.hpp"

using namespace thespis;
using gpu::emulation::make_cards;
using gpu::emulation::Order;

namespace {

/// One float of a card, and two streams.
struct Fixture {
  explicit Fixture(Order order = Order::kLate) : device(make_cards(1, {.order = order})[0]) {}
  ~Fixture() {
    first->synchronize();
    second->synchronize();
    device->release(at);
  }
  float value() {
    float v = 0;
    first->download(&v, at, sizeof(v));
    first->synchronize();
    return v;
  }
  void set(gpu::DeviceStream& stream, float v) const { stream.upload(at, &v, sizeof(v)); }

  std::shared_ptr<gpu::Device> device;
  std::unique_ptr<gpu::DeviceStream> first = device->make_stream(), second = device->make_stream();
  float* at = static_cast<float*>(device->allocate(sizeof(float), "a test"));
};

}  // namespace

TEST_CASE_METHOD(Fixture, "emulation: new memory holds no number; too much names who asked") {
  CHECK(std::isnan(value()));
  const auto small = make_cards(1, {.memory = uint64_t{1} << 30})[0];
  void* half = small->allocate(size_t{1} << 29, "half");
  CHECK_THROWS_WITH(small->allocate((size_t{1} << 29) + 1, "a whole"),
                    "emulated card: out of memory for a whole: 0.50 GiB asked for, 0.50 GiB free "
                    "of 1.00");
  small->release(half);
  CHECK(small->info().memory_free == small->info().memory);
}

TEST_CASE("emulation: work runs as late as it may, or as early") {
  float mine = 0, other = 0;
  const auto download_both = [&](Fixture& f) {
    f.set(*f.first, 1);
    f.first->synchronize();
    f.first->download(&mine, f.at, sizeof(mine));
    f.second->download(&other, f.at, sizeof(other));
    f.first->synchronize();
    CHECK(mine == 1);
  };
  Fixture late;
  download_both(late);
  CHECK(other == 0);  // Nobody waits for the second stream.
  late.second->synchronize();
  CHECK(other == 1);
  other = 0;
  Fixture early(Order::kOthersFirst);
  download_both(early);
  CHECK(other == 1);
}

TEST_CASE("emulation: two streams use the same memory only where one waits for the other") {
  const Order order = GENERATE(Order::kLate, Order::kOthersFirst, Order::kRandom);
  Fixture f(order);
  const auto written = f.first->make_event(), read = f.second->make_event();
  float seen = 0;
  f.set(*f.first, 1);
  f.first->record(*written);
  f.second->wait(*written);
  f.second->download(&seen, f.at, sizeof(seen));
  f.second->record(*read);
  f.first->wait(*read);
  f.set(*f.first, 2);
  f.first->record(*written);  // The second stream waits for the former moment.
  read->wait_on_host();
  CHECK(seen == 1);
  CHECK(f.value() == 2);
  const char* const problem =
      "emulated card: an upload uses memory that a download on another stream uses, and does not "
      "wait for it";
  f.first->download(&seen, f.at, sizeof(seen));
  CHECK_THROWS_WITH(f.set(*f.second, 3), problem);
  f.second->wait(*written);  // A moment before the download.
  CHECK_THROWS_WITH(f.set(*f.second, 3), problem);
  f.first->synchronize();
  f.set(*f.second, 3);
  CHECK_THROWS_WITH(f.first->zero(f.at, sizeof(float)),
                    "emulated card: clearing memory uses memory that an upload on another stream "
                    "uses, and does not wait for it");
  CHECK_THROWS_WITH(f.first->zero(f.at, 2 * sizeof(float)),
                    "emulated card: clearing memory uses memory that is none of this card's");
  CHECK(written->milliseconds_since(*read) >= 0);
}

TEST_CASE_METHOD(Fixture,
                 "emulation: pinned memory is read when the copy runs, other at the call") {
  auto* pinned = static_cast<float*>(device->allocate_host(sizeof(float), "a test"));
  *pinned = 1;
  first->upload(at, pinned, sizeof(*pinned));
  *pinned = 2;
  CHECK(value() == 2);
  auto plain = std::make_unique<float>(3.0f);
  first->upload(at, plain.get(), sizeof(*plain));
  plain.reset();
  CHECK(value() == 3);
  device->release_host(pinned);
}

TEST_CASE_METHOD(Fixture, "emulation: a graph runs when it is launched, each time anew") {
  Fixture& f = *this;
  auto* sum = static_cast<float*>(device->allocate(4 * sizeof(float), "a test"));
  const std::vector<float> ones(4, 1.0f);
  first->upload(sum, ones.data(), 4 * sizeof(float));
  first->begin_capture();
  first->sum_lanes({{sum, sum}, 2, 4, sum});
  auto graph = first->end_capture();
  first->copy(at, sum, sizeof(float));
  CHECK(f.value() == 1);
  for (int i = 0; i < 3; ++i) first->launch(*graph);
  graph.reset();
  first->copy(at, sum, sizeof(float));
  CHECK(f.value() == 8);
  device->release(sum);
}
