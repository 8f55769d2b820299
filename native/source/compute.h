// The loops over numbers in memory, which are compiled once for each instruction set: no threads, no
// allocation, nothing of TensorFlow. Matrices are row-major; a stride is the distance of two rows.
#pragma once

namespace revcol {

// What is done with a product before it is written.
enum class Finish {
  none,
  gelu,          // c = gelu(x)
  geluAndSlope,  // c = gelu(x), second = gelu'(x)
  residual,      // c = other + factor * scale * x, each of the three where it is given
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
  // Floats from one of them to the next; 0 for depth * panel. Larger where b has rows that are left out.
  long panelStride = 0;
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

// Codes of one byte for numbers: what each stands for, the middle between it and the next one, and the lowest
// code of each stretch of numbers that share exponent and first bits of the mantissa. See the package's
// `dynamic_codes.ts`, whose tables these are.
struct CodeTable {
  const float *values, *middles;
  const unsigned char* lowest;
};

// A step of AdamW with moments m and v of eight bits: `count` numbers and codes, and a scale for each block of
// kMomentsBlock. Nothing is written over what is read.
struct Adamw8bitStep {
  long count;
  const float *weight, *gradient;
  const unsigned char *m, *v;
  const float *mScale, *vScale;
  float* updated;
  unsigned char *newM, *newV;
  float *newMScale, *newVScale;
  CodeTable signedCodes, unsignedCodes;
};

// Numbers whose moments share a scale, and entries of the tables.
constexpr long kMomentsBlock = 256, kCodes = 256;

// Stretches of numbers from kFirstBits, the bits of the smallest one told from 0, to 1, by the upper bits.
constexpr int kStretchShift = 16, kFirstStretch = 0x33800000 >> kStretchShift,
              kStretches = (0x3f800000 >> kStretchShift) - kFirstStretch + 1;

// The code of 0 among those of numbers of either sign; among the others it is 0.
constexpr int kSignedZero = 127;

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

  // dx = rstd * (d - mean(d) - xhat * mean(d * xhat)) over n numbers, d being dy, or dy * gamma where that is given
  void (*xhatGradient)(const float* dy, const float* gamma, const float* xhat, float rstd, long n, float* dx);

  // The exact GELU, and its gradient.
  void (*gelu)(const float* x, long n, float* y);
  void (*geluGradient)(const float* x, const float* dy, long n, float* dx);

  // Adds the sums over the rows of x [rows, n] to `sums`.
  void (*addRows)(const float* x, long stride, long rows, long n, float* sums);

  // Turns scores of one query into exp(scale * score + bias - largest) for its first `visible` keys, and 0 from
  // there to `end`. bias [visible] may be absent. Gives 1 / their sum; where no key is seen, or bias hides them
  // all, every number becomes 0, and so does what this gives.
  float (*softmaxRow)(float* row, long visible, long end, float scale, const float* bias);

  // Gradient of a row of scores in place of that of weights: scale * weight * (gradient - along) for the first
  // `visible` keys, 0 from there to `end`.
  void (*scoreGradient)(const float* weights, float* gradients, float along, float scale, long visible,
                        long end);

  // The sum of products of n numbers.
  float (*dot)(const float* x, const float* y, long n);

  // What levels are added up by, and undone by. Exact: every operation is rounded by itself (exact.inc), so that the
  // bits are those of TensorFlow's operations, one after the other.

  // Adds the sums over the rows of x * y, both [rows, n], to `sums`.
  void (*addProducts)(const float* x, const float* y, long rows, long n, float* sums);

  // y = x * scale + other for rows of n numbers; scale [n]; other's rows lie otherStride apart, 0 for one for all.
  void (*scaledSum)(const float* x, const float* scale, const float* other, long otherStride, long rows, long n,
                    float* y);

  // y = (c - f) / alpha for rows of n numbers; alpha [n]
  void (*undoLevel)(const float* c, const float* f, const float* alpha, long rows, long n, float* y);

  // y = each of `pixels` pixels of n channels twice, plus other [2 * pixels, n]
  void (*doubledRow)(const float* x, const float* other, long pixels, long n, float* y);

  // y = sums of squares of four pixels of n channels, of two rows dy of 2 * pixels
  void (*halvedRow)(const float* upper, const float* lower, long pixels, long n, float* y);

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

  // Blocks from to end - 1 of a step with moments of eight bits, exact as the loops of levels are. The caller keeps
  // denormal numbers (`WithDenormals`).
  void (*adamw8bit)(const AdamwFactors&, const Adamw8bitStep&, long from, long end);
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
