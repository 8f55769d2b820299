// Allocates scratch memory, and keeps the last block where it is not too large.
#include "scratch.h"

#include <cstdlib>

namespace revcol {

namespace {

constexpr size_t kLine = 64 / sizeof(float);

float* kept = nullptr;
size_t keptFloats = 0;

}  // namespace

size_t Scratch::add(long floats) {
  const size_t place = floats_;
  // Whole cache lines and one more, so that pieces of different threads share none.
  floats_ += (static_cast<size_t>(floats) + kLine - 1) / kLine * kLine + kLine;
  return place;
}

bool Scratch::allocate() {
  if (floats_ <= keptFloats) {
    block_ = kept;
    return true;
  }
  void* block = nullptr;
  if (posix_memalign(&block, kLine * sizeof(float), bytes()) != 0) return false;
  block_ = static_cast<float*>(block);
  if (bytes() <= kKeptBytes) {
    std::free(kept);
    kept = block_;
    keptFloats = floats_;
  }
  return true;
}

Scratch::~Scratch() {
  if (block_ != kept) std::free(block_);
}

}  // namespace revcol
