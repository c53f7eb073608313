// Emulated cards in a shared object as the program loads it, for tests of the whole program: beside
// a copy of the program this takes the place of gpu/cuda/device.cpp's.

#include <cstdio>
#include <exception>

#include "gpu/emulation/cards.hpp"

extern "C" const char* const thespis_device_interface = THESPIS_DEVICE_INTERFACE;

extern "C" thespis::gpu::Device* thespis_open_device(uint32_t index, char* problem, size_t size) {
  using namespace thespis::gpu::emulation;
  // Never destroyed: whoever opened a card may outlive this library's objects.
  static const Machine& machine = *new Machine(3, {.order = Order::kRandom});
  try {
    return machine.open(index).release();
  } catch (const std::exception& error) {
    std::snprintf(problem, size, "%s", error.what());
    return nullptr;
  }
}
