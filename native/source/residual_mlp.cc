// Two ways each. With many rows every thread takes a block of them through all steps, and the hidden values
// of a block never leave its cache; all threads share the packed weights. With few rows, or weights so large
// that the sums of each thread would not fit beside each other, all threads work on one product after the
// other, of as many rows as scratch memory is meant for.
#include "residual_mlp.h"

#include <algorithm>
#include <cstring>

namespace revcol {

namespace {

// Rows from which on they are divided into blocks.
constexpr long kManyRows = 512;

// Floats that the way in blocks may take for weights and their gradients: half of what is kept.
constexpr long kBlockFloats = (kKeptBytes / sizeof(float)) / 2;

// Floats that the other way may take for activations.
constexpr long kRowFloats = (kKeptBytes / sizeof(float)) / 2;

// Blocks of rows whose hidden values stay in the cache of a core; as many for each thread.
long blocksOf(const Runtime& run, long rows, long hidden) {
  const long size = std::clamp(131072 / hidden, 96L, 512L), threads = run.pool.size();
  return ((rows + size - 1) / size + threads - 1) / threads * threads;
}

// Rows of one pass of the way without blocks, given the floats for each row.
long passOf(long rows, long floatsPerRow) {
  return std::min(rows, std::max(256L, kRowFloats / floatsPerRow));
}

// The factor of each row, from those of samples.
void expandFactors(Survival survival, long rows, float* out) {
  for (long r = 0; r < rows; r++) out[r] = survival.factors[r / survival.rowsPerSample];
}

// gelu(normed expand + expandBias), and the slope there where there is a place for it.
Product expansion(const MlpWeights& w, const float* normed, long stride, float* hidden,
                  long hiddenStride, float* slope = nullptr) {
  Product g = {w.hidden, w.width, normed, stride, false, w.expand, w.hidden};
  g.c = hidden;
  g.cStride = hiddenStride;
  g.bias = w.expandBias;
  g.finish = slope != nullptr ? Finish::geluAndSlope : Finish::gelu;
  g.second = slope;
  g.secondStride = hiddenStride;
  return g;
}

Product projection(const MlpWeights& w, const float* hidden, long stride, const float* residual,
                   const float* factors, float* y) {
  Product g = {w.width, w.hidden, hidden, stride, false, w.project, w.width};
  g.c = y;
  g.cStride = w.width;
  g.bias = w.projectBias;
  g.finish = Finish::residual;
  g.other = residual;
  g.otherStride = w.width;
  g.scale = w.scale;
  g.factors = factors;
  return g;
}

// c = a b, or a^T b added to c.
Product plainProduct(long columns, long depth, const float* a, long aStride, const float* b,
                     long bStride, float* c, long cStride) {
  Product g = {columns, depth, a, aStride, false, b, bStride};
  g.c = c;
  g.cStride = cStride;
  return g;
}

Product kernelGradient(long columns, long rows, const float* a, long aStride, const float* b,
                       long bStride, float* c, bool accumulate) {
  Product g = plainProduct(columns, rows, a, aStride, b, bStride, c, columns);
  g.aTransposed = true;
  g.accumulate = accumulate;
  return g;
}

size_t forwardInBlocks(const Runtime& run, long rows, const MlpWeights& w, const float* u,
                       const float* residual, Survival survival, float* y) {
  const long blocks = blocksOf(run, rows, w.hidden), most = rows / blocks + 1;
  const long stride = padded(w.width), hiddenStride = padded(w.hidden);
  const int threads = run.pool.size();
  Scratch scratch;
  const size_t expand = scratch.add(run.panelFloats(w.width, w.hidden));
  const size_t project = scratch.add(run.panelFloats(w.hidden, w.width));
  const size_t factors = scratch.add(survival.factors != nullptr ? rows : 0);
  size_t normed[kMostThreads], hidden[kMostThreads];
  for (int t = 0; t < threads; t++) {
    normed[t] = scratch.add(most * stride);
    hidden[t] = scratch.add(most * hiddenStride);
  }
  if (!scratch.allocate()) return scratch.bytes();
  if (survival.factors != nullptr) expandFactors(survival, rows, scratch.at(factors));
  run.packAll({w.hidden, w.width, w.expand, w.hidden}, scratch.at(expand));
  run.packAll({w.width, w.hidden, w.project, w.width}, scratch.at(project));
  run.pool.run(blocks, [&](long block, int t) {
    const long r0 = partStart(rows, block, blocks), n = partEnd(rows, block, blocks) - r0;
    float *x = scratch.at(normed[t]), *h = scratch.at(hidden[t]);
    for (long r = 0; r < n; r++) {
      run.compute.normalize(u + (r0 + r) * w.width, w.width, w.epsilon, w.gamma, w.beta,
                            x + r * stride, nullptr);
    }
    Product first = expansion(w, x, stride, h, hiddenStride);
    first.panels = scratch.at(expand);
    run.compute.product(first, 0, n, 0, w.hidden, nullptr);
    const float* of = survival.factors != nullptr ? scratch.at(factors) + r0 : nullptr;
    Product second =
        projection(w, h, hiddenStride, residual + r0 * w.width, of, y + r0 * w.width);
    second.panels = scratch.at(project);
    run.compute.product(second, 0, n, 0, w.width, nullptr);
  });
  return 0;
}

size_t forwardTogether(const Runtime& run, long rows, const MlpWeights& w, const float* u,
                       const float* residual, Survival survival, float* y) {
  const long stride = padded(w.width), hiddenStride = padded(w.hidden);
  const long pass = passOf(rows, stride + hiddenStride);
  const long bufferFloats = run.bufferFloats(std::max(w.width, w.hidden));
  Scratch scratch;
  const size_t normed = scratch.add(pass * stride), hidden = scratch.add(pass * hiddenStride);
  const size_t buffers = scratch.add(bufferFloats * run.pool.size());
  const size_t factors = scratch.add(survival.factors != nullptr ? rows : 0);
  if (!scratch.allocate()) return scratch.bytes();
  if (survival.factors != nullptr) expandFactors(survival, rows, scratch.at(factors));
  float *x = scratch.at(normed), *h = scratch.at(hidden);
  for (long r0 = 0; r0 < rows; r0 += pass) {
    const long n = std::min(pass, rows - r0), at = r0 * w.width;
    run.overRows(n, [&](long from, long end, int) {
      for (long r = from; r < end; r++) {
        run.compute.normalize(u + at + r * w.width, w.width, w.epsilon, w.gamma, w.beta,
                              x + r * stride, nullptr);
      }
    });
    run.multiply(n, expansion(w, x, stride, h, hiddenStride), scratch.at(buffers), bufferFloats);
    const float* of = survival.factors != nullptr ? scratch.at(factors) + r0 : nullptr;
    run.multiply(n, projection(w, h, hiddenStride, residual + at, of, y + at), scratch.at(buffers),
                 bufferFloats);
  }
  return 0;
}

// Sums over rows that a part of them has by itself, one after the other.
struct Sums {
  // Of the gradients of both kernels, where there is room for them.
  long kernels;
  // All floats.
  long size;
  long expandBias, projectBias, gamma, beta;
};

Sums sumsOf(const MlpWeights& w, bool withKernels) {
  Sums sums;
  sums.kernels = withKernels ? 2 * w.width * w.hidden : 0;
  sums.expandBias = sums.kernels;
  sums.projectBias = sums.expandBias + w.hidden;
  sums.gamma = sums.projectBias + w.width;
  sums.beta = sums.gamma + w.width;
  sums.size = sums.beta + w.width;
  return sums;
}

void gatherVectors(const Runtime& run, const MlpWeights& w, const Sums& sums, const float* pieces,
                   long stride, long count, const MlpGradients& out) {
  run.gather(pieces + sums.expandBias, stride, count, w.hidden, out.expandBias);
  run.gather(pieces + sums.projectBias, stride, count, w.width, out.projectBias);
  run.gather(pieces + sums.gamma, stride, count, w.width, out.gamma);
  run.gather(pieces + sums.beta, stride, count, w.width, out.beta);
}

// From the gradients of kernel and bias of what the scale is applied to, to those of the weights.
void applyScale(const Runtime& run, const MlpWeights& w, const MlpGradients& out) {
  const long parts = std::min<long>(run.pool.size(), w.width);
  run.pool.run(parts, [&](long part, int) {
    const long from = partStart(w.width, part, parts), end = partEnd(w.width, part, parts);
    for (long j = from; j < end; j++) {
      out.scale[j] = w.projectBias[j] * out.projectBias[j];
      out.projectBias[j] *= w.scale[j];
    }
    for (long r = 0; r < w.hidden; r++) {
      float* gradient = out.project + r * w.width;
      const float* weight = w.project + r * w.width;
      for (long j = from; j < end; j++) {
        out.scale[j] += gradient[j] * weight[j];
        gradient[j] *= w.scale[j];
      }
    }
  });
}

// One block of rows, or one pass, on its way back: addresses in scratch memory.
struct Steps {
  float *normed, *activated, *slope, *stats, *dNormed, *dBranch;
};

// Normalises rows, and multiplies those of dy by their factors.
void beginRows(const Runtime& run, const MlpWeights& w, const float* u, const float* dy,
               const float* factors, long from, long end, const Steps& s) {
  const long stride = padded(w.width);
  for (long r = from; r < end; r++) {
    run.compute.normalize(u + r * w.width, w.width, w.epsilon, w.gamma, w.beta,
                          s.normed + r * stride, s.stats + 2 * r);
    run.compute.scaleRow(dy + r * w.width, factors != nullptr ? factors[r] : 1.f, w.width,
                         s.dBranch + r * stride);
  }
}

// Gradients of u and of all vectors, from those of the normalised rows. What these rows have to say of the vectors
// is added up in `block` before it joins `vectors`; both are laid out as `sums` says.
void endRows(const Runtime& run, const MlpWeights& w, const float* u, long from, long end,
             const Steps& s, const Sums& sums, float* block, float* vectors, float* du) {
  const long stride = padded(w.width), hiddenStride = padded(w.hidden);
  std::memset(block, 0, sums.size * sizeof(float));
  for (long r = from; r < end; r++) {
    run.compute.normalizeGradient(s.dNormed + r * stride, u + r * w.width, s.stats + 2 * r,
                                  w.gamma, w.width, du + r * w.width, block + sums.gamma,
                                  block + sums.beta);
  }
  run.compute.addRows(s.slope + from * hiddenStride, hiddenStride, end - from, w.hidden,
                      block + sums.expandBias);
  run.compute.addRows(s.dBranch + from * stride, stride, end - from, w.width,
                      block + sums.projectBias);
  run.compute.addRows(block, sums.size, 1, sums.size, vectors);
}

// dHidden in place of the slope, by the transposed projection.
Product hiddenGradient(const MlpWeights& w, const Steps& s) {
  const long hiddenStride = padded(w.hidden);
  Product g = plainProduct(w.hidden, w.width, s.dBranch, padded(w.width), nullptr, 0, s.slope,
                           hiddenStride);
  g.finish = Finish::times;
  g.other = s.slope;
  g.otherStride = hiddenStride;
  return g;
}

Product normedGradient(const MlpWeights& w, const Steps& s) {
  return plainProduct(w.width, w.hidden, s.slope, padded(w.hidden), nullptr, 0, s.dNormed,
                      padded(w.width));
}

struct TransposedWeights {
  size_t project, expand;
};

TransposedWeights addTransposed(const Runtime& run, const MlpWeights& w, Scratch& scratch) {
  return {scratch.add(run.panelFloats(w.width, w.hidden)),
          scratch.add(run.panelFloats(w.hidden, w.width))};
}

void packTransposed(const Runtime& run, const MlpWeights& w, float* project, float* expand) {
  run.packAll({w.hidden, w.width, w.project, w.width, true, w.scale}, project);
  run.packAll({w.width, w.hidden, w.expand, w.hidden, true, nullptr}, expand);
}

size_t backwardInBlocks(const Runtime& run, long rows, const MlpWeights& w, const float* u,
                        const float* dy, Survival survival, const MlpGradients& out) {
  const long blocks = blocksOf(run, rows, w.hidden), most = rows / blocks + 1;
  const long stride = padded(w.width), hiddenStride = padded(w.hidden);
  const int threads = run.pool.size();
  const Sums sums = sumsOf(w, true), ofRows = sumsOf(w, false);
  Scratch scratch;
  const size_t expand = scratch.add(run.panelFloats(w.width, w.hidden));
  const TransposedWeights transposed = addTransposed(run, w, scratch);
  const long pieceStride = sums.size + 16;
  const size_t pieces = scratch.add(pieceStride * threads);
  const size_t factors = scratch.add(survival.factors != nullptr ? rows : 0);
  const long bufferFloats = run.bufferFloats(most);
  struct Places {
    size_t normed, activated, slope, stats, dNormed, dBranch, vectors, buffer;
  } places[kMostThreads];
  for (int t = 0; t < threads; t++) {
    places[t] = {scratch.add(most * stride),       scratch.add(most * hiddenStride),
                 scratch.add(most * hiddenStride), scratch.add(2 * most),
                 scratch.add(most * stride),       scratch.add(most * stride),
                 scratch.add(ofRows.size),         scratch.add(bufferFloats)};
  }
  if (!scratch.allocate()) return scratch.bytes();
  if (survival.factors != nullptr) expandFactors(survival, rows, scratch.at(factors));
  run.packAll({w.hidden, w.width, w.expand, w.hidden}, scratch.at(expand));
  packTransposed(run, w, scratch.at(transposed.project), scratch.at(transposed.expand));
  // Each part of the blocks has sums of its own, whichever thread takes it.
  run.pool.run(threads, [&](long part, int t) {
    const Places& p = places[t];
    const Steps s = {scratch.at(p.normed), scratch.at(p.activated), scratch.at(p.slope),
                     scratch.at(p.stats),  scratch.at(p.dNormed),   scratch.at(p.dBranch)};
    float *piece = scratch.at(pieces) + part * pieceStride, *buffer = scratch.at(p.buffer);
    std::memset(piece + sums.kernels, 0, (sums.size - sums.kernels) * sizeof(float));
    const long start = partStart(blocks, part, threads), end = partEnd(blocks, part, threads);
    for (long block = start; block < end; block++) {
      const long r0 = partStart(rows, block, blocks), n = partEnd(rows, block, blocks) - r0;
      const long at = r0 * w.width;
      const float* of = survival.factors != nullptr ? scratch.at(factors) + r0 : nullptr;
      beginRows(run, w, u + at, dy + at, of, 0, n, s);
      Product g = expansion(w, s.normed, stride, s.activated, hiddenStride, s.slope);
      g.panels = scratch.at(expand);
      run.compute.product(g, 0, n, 0, w.hidden, nullptr);
      g = hiddenGradient(w, s);
      g.panels = scratch.at(transposed.project);
      run.compute.product(g, 0, n, 0, w.hidden, nullptr);
      g = normedGradient(w, s);
      g.panels = scratch.at(transposed.expand);
      run.compute.product(g, 0, n, 0, w.width, nullptr);
      endRows(run, w, u + at, 0, n, s, ofRows, scratch.at(p.vectors), piece + sums.kernels, out.u + at);
      const bool isLater = block > start;
      g = kernelGradient(w.hidden, n, s.normed, stride, s.slope, hiddenStride, piece, isLater);
      run.compute.product(g, 0, w.width, 0, w.hidden, buffer);
      g = kernelGradient(w.width, n, s.activated, hiddenStride, s.dBranch, stride,
                         piece + w.width * w.hidden, isLater);
      run.compute.product(g, 0, w.hidden, 0, w.width, buffer);
    }
  });
  const float* first = scratch.at(pieces);
  const long kernel = w.width * w.hidden;
  run.gather(first, pieceStride, threads, kernel, out.expand);
  run.gather(first + kernel, pieceStride, threads, kernel, out.project);
  gatherVectors(run, w, sums, first, pieceStride, threads, out);
  applyScale(run, w, out);
  return 0;
}

size_t backwardTogether(const Runtime& run, long rows, const MlpWeights& w, const float* u,
                        const float* dy, Survival survival, const MlpGradients& out) {
  const long stride = padded(w.width), hiddenStride = padded(w.hidden);
  const long pass = passOf(rows, 2 * hiddenStride + 3 * stride);
  const int threads = run.pool.size();
  const Sums sums = sumsOf(w, false);
  Scratch scratch;
  const size_t normed = scratch.add(pass * stride), activated = scratch.add(pass * hiddenStride);
  const size_t slope = scratch.add(pass * hiddenStride), stats = scratch.add(2 * pass);
  const size_t dNormed = scratch.add(pass * stride), dBranch = scratch.add(pass * stride);
  const TransposedWeights transposed = addTransposed(run, w, scratch);
  const long pieceStride = sums.size + 16;
  const size_t pieces = scratch.add(pieceStride * threads), blocks = scratch.add(pieceStride * threads);
  const size_t factors = scratch.add(survival.factors != nullptr ? rows : 0);
  const long bufferFloats = run.bufferFloats(std::max({w.width, w.hidden, pass}));
  const size_t buffers = scratch.add(bufferFloats * threads);
  if (!scratch.allocate()) return scratch.bytes();
  if (survival.factors != nullptr) expandFactors(survival, rows, scratch.at(factors));
  packTransposed(run, w, scratch.at(transposed.project), scratch.at(transposed.expand));
  std::memset(scratch.at(pieces), 0, pieceStride * threads * sizeof(float));
  const Steps s = {scratch.at(normed), scratch.at(activated), scratch.at(slope),
                   scratch.at(stats),  scratch.at(dNormed),   scratch.at(dBranch)};
  const auto multiply = [&](long n, const Product& g) {
    run.multiply(n, g, scratch.at(buffers), bufferFloats);
  };
  for (long r0 = 0; r0 < rows; r0 += pass) {
    const long n = std::min(pass, rows - r0), at = r0 * w.width;
    const float* of = survival.factors != nullptr ? scratch.at(factors) + r0 : nullptr;
    run.overRows(n, [&](long from, long end, int) {
      beginRows(run, w, u + at, dy + at, of, from, end, s);
    });
    multiply(n, expansion(w, s.normed, stride, s.activated, hiddenStride, s.slope));
    Product g = hiddenGradient(w, s);
    g.panels = scratch.at(transposed.project);
    multiply(n, g);
    g = normedGradient(w, s);
    g.panels = scratch.at(transposed.expand);
    multiply(n, g);
    // Parts by number, not by thread: their sums are what makes results repeat.
    const long parts = std::min<long>(threads, n);
    run.pool.run(parts, [&](long part, int) {
      endRows(run, w, u + at, partStart(n, part, parts), partEnd(n, part, parts), s, sums,
              scratch.at(blocks) + part * pieceStride, scratch.at(pieces) + part * pieceStride, out.u + at);
    });
    const bool isLater = r0 > 0;
    multiply(w.width, kernelGradient(w.hidden, n, s.normed, stride, s.slope, hiddenStride,
                                     out.expand, isLater));
    multiply(w.hidden, kernelGradient(w.width, n, s.activated, hiddenStride, s.dBranch, stride,
                                      out.project, isLater));
  }
  gatherVectors(run, w, sums, scratch.at(pieces), pieceStride, threads, out);
  applyScale(run, w, out);
  return 0;
}

void clear(float* out, long n) { std::memset(out, 0, n * sizeof(float)); }

}  // namespace

size_t residualMlp(const Runtime& run, long rows, const MlpWeights& w, const float* u,
                   const float* residual, Survival survival, float* y) {
  if (rows == 0 || w.width == 0) return 0;
  const bool inBlocks = rows > kManyRows && 2 * w.width * w.hidden <= kBlockFloats;
  return (inBlocks ? forwardInBlocks : forwardTogether)(run, rows, w, u, residual, survival, y);
}

size_t residualMlpGradient(const Runtime& run, long rows, const MlpWeights& w, const float* u,
                           const float* dy, Survival survival, const MlpGradients& out) {
  if (rows == 0 || w.width == 0) {
    for (float* vector : {out.gamma, out.beta, out.projectBias, out.scale}) clear(vector, w.width);
    for (float* kernel : {out.expand, out.project}) clear(kernel, w.width * w.hidden);
    clear(out.expandBias, w.hidden);
    return 0;
  }
  const long floats = (3 + 2L * run.pool.size()) * w.width * w.hidden;
  const bool inBlocks = rows > kManyRows && floats <= kBlockFloats;
  return (inBlocks ? backwardInBlocks : backwardTogether)(run, rows, w, u, dy, survival, out);
}

}  // namespace revcol
