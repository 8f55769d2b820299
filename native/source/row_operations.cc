// What TensorFlow calls of rows and single numbers: LayerNorm and GELU, with their gradients.
#include <algorithm>

#include "call.h"

namespace revcol {

namespace {

void computeLayerNorm(void* attributes, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "x", 1, kAnyRank)) return;
  const Shape x = call.shape(0);
  Shape scales = x;
  scales.back() = 1;
  const long rows = rowsOf(x), n = x.back();
  const float epsilon = static_cast<Attributes*>(attributes)->epsilon;
  float* xhat = call.output(0, x);
  float* rstd = call.output(1, scales);
  call.run([&](const Runtime& run) {
    run.overRows(rows, [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        float stats[2] = {0, 0};
        if (n > 0) {
          run.compute.normalize(call.input(0) + r * n, n, epsilon, nullptr, nullptr, xhat + r * n,
                                stats);
        }
        rstd[r] = stats[1];
      }
    });
    return size_t{0};
  });
}

// dy, gamma in the second of the two operations, xhat, rstd
void computeLayerNormGradient(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.expectRank(0, "dy", 1, kAnyRank)) return;
  const Shape dy = call.shape(0);
  Shape scales = dy;
  scales.back() = 1;
  const long rows = rowsOf(dy), n = dy.back();
  const bool isScaled = call.inputs() == 4;
  const int xhat = isScaled ? 2 : 1;
  if ((isScaled && !call.expectShape(1, "gamma", {n})) || !call.expectShape(xhat, "xhat", dy) ||
      !call.expectShape(xhat + 1, "rstd", scales)) {
    return;
  }
  float* dx = call.output(0, dy);
  call.run([&](const Runtime& run) {
    const float* gamma = isScaled ? call.input(1) : nullptr;
    run.overRows(n > 0 ? rows : 0, [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        run.compute.xhatGradient(call.input(0) + r * n, gamma, call.input(xhat) + r * n,
                                 call.input(xhat + 1)[r], n, dx + r * n);
      }
    });
    return size_t{0};
  });
}

// x, and for the gradient dy
void computeGelu(void*, TF_OpKernelContext* context) {
  Call call(context);
  if (!call.isFine()) return;
  const Shape x = call.shape(0);
  const bool isGradient = call.inputs() == 2;
  if (isGradient && !call.expectShape(1, "dy", x)) return;
  const long n = sizeOf(x);
  float* y = call.output(0, x);
  call.run([&](const Runtime& run) {
    run.pool.run((n + kPiece - 1) / kPiece, [&](long piece, int) {
      const long from = piece * kPiece, count = std::min(kPiece, n - from);
      const float* at = call.input(0) + from;
      if (isGradient) {
        run.compute.geluGradient(at, call.input(1) + from, count, y + from);
      } else {
        run.compute.gelu(at, count, y + from);
      }
    });
    return size_t{0};
  });
}

}  // namespace

std::vector<Operation> rowOperations() {
  return {
      {"RevColLayerNorm", {"x"}, {"xhat", "rstd"}, true, computeLayerNorm},
      {"RevColLayerNormGrad", {"dy", "xhat", "rstd"}, {"dx"}, false, computeLayerNormGradient},
      {"RevColAffineNormGrad", {"dy", "gamma", "xhat", "rstd"}, {"dx"}, false, computeLayerNormGradient},
      {"RevColGelu", {"x"}, {"y"}, false, computeGelu},
      {"RevColGeluGrad", {"x", "dy"}, {"dx"}, false, computeGelu},
  };
}

}  // namespace revcol
