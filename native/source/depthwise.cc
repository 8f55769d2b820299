// Rows of images, divided among threads.
#include "depthwise.h"

#include <algorithm>
#include <cstring>

namespace revcol {

void depthwise(const Runtime& run, long batch, const Depthwise& d, const float* x,
               const float* kernel, bool flipped, const float* bias, const float* other, float* y) {
  const long line = d.width * d.channels, image = d.height * line;
  run.overRows(batch * d.height, [&](long from, long end, int) {
    for (long r = from; r < end; r++) {
      const float* added = other != nullptr ? other + r * line : nullptr;
      run.compute.depthwiseRow(d, x + r / d.height * image, kernel, flipped, bias, added,
                               r % d.height, y + r * line);
    }
  });
}

size_t depthwiseKernelGradient(const Runtime& run, long batch, const Depthwise& d, const float* x,
                               const float* dy, float* dKernel, float* dBias) {
  const long line = d.width * d.channels, image = d.height * line;
  const long kernel = d.side * d.side * d.channels, size = kernel + d.channels;
  // Parts by number, not by thread: their sums are what makes results repeat.
  const long rows = batch * d.height, parts = std::max(1L, std::min<long>(run.pool.size(), rows));
  Scratch scratch;
  const long stride = size + 16;
  const size_t pieces = scratch.add(parts * stride), blocks = scratch.add(parts * stride);
  if (!scratch.allocate()) return scratch.bytes();
  run.pool.run(parts, [&](long part, int) {
    float *piece = scratch.at(pieces) + part * stride, *block = scratch.at(blocks) + part * stride;
    std::memset(piece, 0, size * sizeof(float));
    const long end = partEnd(rows, part, parts);
    for (long from = partStart(rows, part, parts); from < end; from += kSummedRows) {
      std::memset(block, 0, size * sizeof(float));
      for (long r = from; r < std::min(end, from + kSummedRows); r++) {
        run.compute.depthwiseKernelRow(d, x + r / d.height * image, dy + r * line, r % d.height,
                                       block, block + kernel);
      }
      run.compute.addRows(block, size, 1, size, piece);
    }
  });
  run.gather(scratch.at(pieces), stride, parts, kernel, dKernel);
  run.gather(scratch.at(pieces) + kernel, stride, parts, d.channels, dBias);
  return 0;
}

}  // namespace revcol
