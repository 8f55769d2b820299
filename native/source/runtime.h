// What operations compute with: the chosen instruction set and the threads.
#pragma once
#include "compute.h"
#include "scratch.h"
#include "thread_pool.h"

namespace revcol {

// A matrix's stride that is no multiple of 1 kB: rows at such distances compete for the same few lines of
// a cache.
inline long padded(long columns) { return columns % 256 == 0 ? columns + 16 : columns; }

// The end of part `index` of `count` parts of `total`, which differ by one at most.
inline long partEnd(long total, long index, long count) { return total * (index + 1) / count; }
inline long partStart(long total, long index, long count) { return total * index / count; }

// Rows that are added up by themselves before their sum joins that of all: a float that has grown large takes up
// no small number any more.
constexpr long kSummedRows = 1024;

// Passed to what computes; it holds nothing between operations.
struct Runtime {
  const Compute& compute;
  ThreadPool& pool;

  long panels(long columns) const { return (columns + compute.panel - 1) / compute.panel; }

  // Floats of all panels of a matrix.
  long panelFloats(long depth, long columns) const {
    return panels(columns) * compute.panel * depth;
  }

  // Floats that a product needs as its buffer.
  long bufferFloats(long depth) const {
    const long one = depth * compute.panel;
    return one > kPackedFloats ? one : kPackedFloats;
  }

  // Cuts a whole matrix into panels.
  void packAll(const Packing& matrix, float* out) const;

  // A whole product by all threads. `buffers` has room for one buffer per thread, `bufferStride` apart.
  void multiply(long rows, const Product& product, float* buffers, long bufferStride) const;

  // Calls f(first row, row after the last, worker) for parts of some rows. The parts are for speed only:
  // what f computes may not depend on them.
  template <class F>
  void overRows(long rows, const F& f) const {
    const long parts = rows < pool.size() * 4L ? rows : pool.size() * 4L;
    pool.run(parts, [&](long part, int worker) {
      f(partStart(rows, part, parts), partEnd(rows, part, parts), worker);
    });
  }

  // Adds up `count` pieces of n floats, each `stride` after the one before, in their order.
  void gather(const float* pieces, long stride, long count, long n, float* out) const;
};

}  // namespace revcol
