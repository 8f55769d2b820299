// Work on whole matrices, divided among threads.
#include "runtime.h"

#include <algorithm>
#include <cstring>

namespace revcol {

void Runtime::packAll(const Packing& matrix, float* out) const {
  const long count = panels(matrix.columns);
  const long parts = std::min(count, pool.size() * 4L);
  pool.run(parts, [&](long part, int) {
    compute.pack(matrix, partStart(count, part, parts), partEnd(count, part, parts), out);
  });
}

void Runtime::multiply(long rows, const Product& product, float* buffers, long bufferStride) const {
  const long count = panels(product.columns);
  // Few rows are divided by columns, so that each panel is packed once; many by rows.
  constexpr long kFewRows = 512;
  if (rows <= kFewRows && count >= pool.size()) {
    const long parts = std::min(count, pool.size() * 4L);
    pool.run(parts, [&](long part, int worker) {
      const long from = partStart(count, part, parts) * compute.panel;
      const long end = std::min(product.columns, partEnd(count, part, parts) * compute.panel);
      compute.product(product, 0, rows, from, end, buffers + worker * bufferStride);
    });
    return;
  }
  const long size = pool.size();
  long parts = std::max(1L, (rows + kFewRows / 2 - 1) / (kFewRows / 2));
  parts = std::min((parts + size - 1) / size * size, std::max(1L, rows));
  pool.run(parts, [&](long part, int worker) {
    compute.product(product, partStart(rows, part, parts), partEnd(rows, part, parts), 0,
                    product.columns, buffers + worker * bufferStride);
  });
}

void Runtime::gather(const float* pieces, long stride, long count, long n, float* out) const {
  overRows(n, [&](long from, long end, int) {
    std::memcpy(out + from, pieces + from, (end - from) * sizeof(float));
    for (long i = 1; i < count; i++) {
      compute.addRows(pieces + i * stride + from, 0, 1, end - from, out + from);
    }
  });
}

}  // namespace revcol
