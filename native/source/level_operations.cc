// What TensorFlow calls of levels: sums of them, their inverse, sums over rows, and images of twice the size.
#include <algorithm>
#include <cstring>

#include "call.h"

namespace revcol {

namespace {

// x, scale, other, which has x's shape or is one row
void computeScaledSum(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "x", 1, kAnyRank)) return;
  const Shape x = call.shape(0);
  const long n = x.back();
  const bool isRow = call.isFine() && call.shape(2).size() == 1;
  if (!call.expectShape(1, "scale", {n}) || !call.expectShape(2, "other", isRow ? Shape{n} : x)) return;
  float* y = call.output(0, x);
  call.run([&](const Runtime& run) {
    run.overRows(n > 0 ? rowsOf(x) : 0, [&](long from, long end, int) {
      const float* other = call.input(2) + (isRow ? 0 : from * n);
      run.compute.scaledSum(call.input(0) + from * n, call.input(1), other, isRow ? 0 : n, end - from, n,
                            y + from * n);
    });
    return size_t{0};
  });
}

// c, f, alpha
void computeUndoLevel(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "c", 1, kAnyRank)) return;
  const Shape c = call.shape(0);
  const long n = c.back();
  if (!call.expectShape(1, "f", c) || !call.expectShape(2, "alpha", {n})) return;
  float* y = call.output(0, c);
  call.run([&](const Runtime& run) {
    run.overRows(n > 0 ? rowsOf(c) : 0, [&](long from, long end, int) {
      run.compute.undoLevel(call.input(0) + from * n, call.input(1) + from * n, call.input(2), end - from, n,
                            y + from * n);
    });
    return size_t{0};
  });
}

// x, and for sums of products y
void computeSums(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "x", 1, kAnyRank)) return;
  const Shape x = call.shape(0);
  const bool hasFactors = call.inputs() == 2;
  if (hasFactors && !call.expectShape(1, "y", x)) return;
  const long n = x.back(), rows = n > 0 ? rowsOf(x) : 0;
  float* sums = call.output(0, {n});
  call.run([&](const Runtime& run) {
    if (rows == 0) {
      if (n > 0) std::memset(sums, 0, n * sizeof(float));
      return size_t{0};
    }
    // Parts by number, not by thread: their sums are what makes results repeat.
    const long parts = std::min<long>(run.pool.size(), rows), stride = n + 16;
    Scratch scratch;
    const size_t pieces = scratch.add(parts * stride), blocks = scratch.add(parts * stride);
    if (!scratch.allocate()) return scratch.bytes();
    run.pool.run(parts, [&](long part, int) {
      float *piece = scratch.at(pieces) + part * stride, *block = scratch.at(blocks) + part * stride;
      std::memset(piece, 0, n * sizeof(float));
      const long end = partEnd(rows, part, parts);
      for (long from = partStart(rows, part, parts); from < end; from += kSummedRows) {
        const long count = std::min(kSummedRows, end - from);
        const float* at = call.input(0) + from * n;
        std::memset(block, 0, n * sizeof(float));
        if (hasFactors) {
          run.compute.addProducts(at, call.input(1) + from * n, count, n, block);
        } else {
          run.compute.addRows(at, n, count, n, block);
        }
        run.compute.addRows(block, n, 1, n, piece);
      }
    });
    run.gather(scratch.at(pieces), stride, parts, n, sums);
    return size_t{0};
  });
}

// x [batch, height, width, channels], other [batch, 2 height, 2 width, channels]
void computeDoubledSum(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "x", 4, 4)) return;
  const Shape x = call.shape(0), doubled = {x[0], 2 * x[1], 2 * x[2], x[3]};
  if (!call.expectShape(1, "other", doubled)) return;
  float* y = call.output(0, doubled);
  call.run([&](const Runtime& run) {
    const long line = x[2] * x[3];
    run.overRows(x[0] * doubled[1], [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        run.compute.doubledRow(call.input(0) + r / 2 * line, call.input(1) + r * 2 * line, x[2], x[3],
                               y + r * 2 * line);
      }
    });
    return size_t{0};
  });
}

// dy [batch, 2 height, 2 width, channels]
void computeDoubledGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "dy", 4, 4)) return;
  const Shape dy = call.shape(0);
  if (dy[1] % 2 != 0 || dy[2] % 2 != 0) {
    call.fail(kInvalidArgument, "dy must have even height and width");
    return;
  }
  const Shape half = {dy[0], dy[1] / 2, dy[2] / 2, dy[3]};
  float* dx = call.output(0, half);
  call.run([&](const Runtime& run) {
    const long line = half[2] * half[3];
    run.overRows(half[0] * half[1], [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        const float* upper = call.input(0) + r * 4 * line;
        run.compute.halvedRow(upper, upper + 2 * line, half[2], half[3], dx + r * line);
      }
    });
    return size_t{0};
  });
}

}  // namespace

std::vector<Operation> levelOperations() {
  return {
      {"RevColScaledAddition", {"x", "scale", "other"}, {"y"}, false, computeScaledSum},
      {"RevColUndoLevel", {"c", "f", "alpha"}, {"previous"}, false, computeUndoLevel},
      {"RevColColumnSum", {"x"}, {"sums"}, false, computeSums},
      {"RevColProductSum", {"x", "y"}, {"sums"}, false, computeSums},
      {"RevColDoubledSum", {"x", "other"}, {"y"}, false, computeDoubledSum},
      {"RevColDoubledGrad", {"dy"}, {"dx"}, false, computeDoubledGradient},
  };
}

}  // namespace revcol
