// With many rows every thread takes a block of them, and all share the packed kernel; few are divided by columns.
#include "linear.h"

#include <algorithm>

namespace revcol {

namespace {

// Rows from which on they are divided into blocks.
constexpr long kManyRows = 512;

// Floats that a packed kernel may take: half of what is kept.
constexpr long kPackedKernel = (kKeptBytes / sizeof(float)) / 2;

// Floats of a block of rows, which is to stay in the cache of a core.
constexpr long kBlockFloats = 131072;

}  // namespace

size_t linear(const Runtime& run, long rows, long depth, long columns, const float* x, const float* kernel,
              const float* bias, float* y) {
  Product g = {columns, depth, x, depth, false, kernel, columns};
  g.c = y;
  g.cStride = columns;
  g.bias = bias;
  Scratch scratch;
  if (rows <= kManyRows || run.panelFloats(depth, columns) > kPackedKernel) {
    const long stride = run.bufferFloats(depth);
    const size_t buffers = scratch.add(stride * run.pool.size());
    if (!scratch.allocate()) return scratch.bytes();
    run.multiply(rows, g, scratch.at(buffers), stride);
    return 0;
  }
  const size_t panels = scratch.add(run.panelFloats(depth, columns));
  if (!scratch.allocate()) return scratch.bytes();
  run.packAll({columns, depth, kernel, columns}, scratch.at(panels));
  g.panels = scratch.at(panels);
  const long size = std::clamp(kBlockFloats / depth, 96L, 512L), blocks = (rows + size - 1) / size;
  run.pool.run(blocks, [&](long block, int) {
    run.compute.product(g, partStart(rows, block, blocks), partEnd(rows, block, blocks), 0, columns, nullptr);
  });
  return 0;
}

}  // namespace revcol
