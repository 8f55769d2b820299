// The loops over numbers in memory, which are compiled once for each instruction set: no threads, no
// allocation, nothing of TensorFlow. Matrices are row-major; a stride is the distance of two rows.
#pragma once

namespace revcol {

// What is done with a product before it is written.
enum class Finish {
  none,
  gelu,          // c = gelu(x)
  geluAndSlope,  // c = gelu(x), second = gelu'(x)
  residual,      // c = other + factor * scale * x
  times,         // c = other * x
};

// c [rows, columns] = finish(a [rows, depth] b [depth, columns] + bias)
struct Product {
  long columns, depth;
  const float* a;
  long aStride;
  // Whether a lies there as [depth, rows].
  bool aTransposed = false;
  const float* b;
  long bStride;
  // All panels of b, in place of b.
  const float* panels = nullptr;
  float* c;
  long cStride;
  // Adds to what c holds; only without a finish.
  bool accumulate = false;
  // [columns], or none
  const float* bias = nullptr;
  Finish finish = Finish::none;
  // [rows, columns]
  const float* other = nullptr;
  long otherStride = 0;
  float* second = nullptr;
  long secondStride = 0;
  // [columns]
  const float* scale = nullptr;
  // [rows], or none for 1
  const float* factors = nullptr;
};

// A matrix b [depth, columns] to be cut into panels, for `Product`.
struct Packing {
  long columns, depth;
  const float* b;
  long bStride;
  // Whether b lies there as [columns, depth].
  bool transposed = false;
  // Factors of b's rows, [depth], or none.
  const float* scale = nullptr;
};

// A depthwise convolution with stride 1 of images [height, width, channels].
struct Depthwise {
  long height, width, channels;
  // Of the square kernel [side, side, channels].
  long side;
  // Rows and columns of padding before the image.
  long before;
};

// Factors of a step of AdamW; see the contract of the package's kernel. rest: 1 - beta, by the caller, since
// in float32 that would lose digits.
struct AdamwFactors {
  float beta1, rest1, beta2, rest2, kept, size, epsilon;
};

// What a step reads and writes, all of one size; nothing is written over what is read.
struct AdamwStep {
  const float *weight, *gradient, *m, *v;
  float *updated, *newM, *newV;
};

// Floats of b that a product packs at a time, unless one panel is larger.
constexpr long kPackedFloats = 65536;

// The loops of one instruction set.
struct Compute {
  const char* name;
  // Columns of a panel.
  long panel;

  // Writes panels first to last - 1 of b, each of depth * panel floats, to their places in `panels`.
  void (*pack)(const Packing&, long first, long last, float* panels);

  // Rows r0 to r1 - 1 and columns j0 to j1 - 1 of c; j0 is a multiple of `panel`. Without panels, `buffer`
  // has room for kPackedFloats and for one panel.
  void (*product)(const Product&, long r0, long r1, long j0, long j1, float* buffer);

  // y = (x - mean) * rstd * gamma + beta over n numbers, without gamma and beta where those are nullptr;
  // stats, where given, gets mean and rstd.
  void (*normalize)(const float* x, long n, float epsilon, const float* gamma, const float* beta,
                    float* y, float* stats);

  // The gradient of that with respect to x; those with respect to gamma and beta are added to.
  void (*normalizeGradient)(const float* dy, const float* x, const float* stats,
                            const float* gamma, long n, float* dx, float* dGamma, float* dBeta);

  // dx = rstd * (dy - mean(dy) - xhat * mean(dy * xhat)) over n numbers
  void (*xhatGradient)(const float* dy, const float* xhat, float rstd, long n, float* dx);

  // The exact GELU, and its gradient.
  void (*gelu)(const float* x, long n, float* y);
  void (*geluGradient)(const float* x, const float* dy, long n, float* dx);

  // Adds the sums over the rows of x [rows, n] to `sums`.
  void (*addRows)(const float* x, long stride, long rows, long n, float* sums);

  // y = factor * x
  void (*scaleRow)(const float* x, float factor, long n, float* y);

  // Row `row` of one image's convolution y, plus bias [channels] and plus the row of `other`, each where
  // given. `flipped`: with the kernel turned by half a circle, as the gradient of the image has it.
  void (*depthwiseRow)(const Depthwise&, const float* x, const float* kernel, bool flipped,
                       const float* bias, const float* other, long row, float* y);

  // Adds what row `row` of dy, the gradient of y, has to say of the kernel and of the bias.
  void (*depthwiseKernelRow)(const Depthwise&, const float* x, const float* dy, long row,
                             float* dKernel, float* dBias);

  // Numbers from to end - 1 of a step of AdamW.
  void (*adamw)(const AdamwFactors&, const AdamwStep&, long from, long end);
};

// Those that this build has.
namespace plain {
extern const Compute compute;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Compute compute;
}
namespace avx512 {
extern const Compute compute;
}
#endif

}  // namespace revcol
