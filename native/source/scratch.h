// Memory that an operation needs only while it runs.
#pragma once
#include <cstddef>

namespace revcol {

// What the library keeps for the next operation at most; what is larger goes back to the system when the
// operation ends. Operations run one at a time, so that there is one such block in a process.
constexpr size_t kKeptBytes = size_t{64} << 20;

// One block of memory, divided into pieces. First every piece is added, then the block allocated, then the
// pieces used: an operation that cannot have its memory fails before it has written anything.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // A piece of `floats` floats; what this gives is its place.
  size_t add(long floats);

  // Whether the memory is there.
  bool allocate();

  size_t bytes() const { return floats_ * sizeof(float); }

  // A piece, aligned to a cache line. Its content is undefined.
  float* at(size_t place) const { return block_ + place; }

 private:
  size_t floats_ = 0;
  float* block_ = nullptr;
};

}  // namespace revcol
