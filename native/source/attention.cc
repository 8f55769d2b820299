// A thread takes some queries of one head, and goes through them a tile at a time: the scores of a tile are made,
// turned into weights and used while they are in its cache. Keys and values are packed into panels first.
#include "attention.h"

#include <algorithm>
#include <cstring>

namespace revcol {

namespace {

// Scores of a tile, and its queries.
constexpr long kScores = 49152, kMostQueries = 96, kLeastQueries = 12;

// Floats that sums of parts of heads may take: half of what is kept.
constexpr long kSumFloats = (kKeptBytes / sizeof(float)) / 2;

long tileOf(const Attention& a) {
  const long fitting = kScores / a.keys / kLeastQueries * kLeastQueries;
  return std::min(a.queries, std::clamp(fitting, kLeastQueries, kMostQueries));
}

// How many keys query i sees, none of them hidden by the bias.
long visibleTo(const Attention& a, long i) { return std::clamp(i + a.offset + 1, 0L, a.keys); }

// How work is divided: heads of all samples, and parts of each one's queries, so that there is something for
// every thread.
struct Division {
  long entries, parts;
};

// `most`: parts of a head for which there is memory.
Division divide(const Runtime& run, const Attention& a, long most) {
  const long entries = a.batch * a.heads, threads = run.pool.size();
  const long wanted = entries >= 2 * threads ? 1 : (2 * threads + entries - 1) / entries;
  const long parts = std::min({wanted, most, (a.queries + kLeastQueries - 1) / kLeastQueries});
  return {entries, std::max(1L, parts)};
}

// Some queries of one head: where it begins in each operand, and how many keys the last of them sees.
struct Work {
  long from, end;
  long needed;
  const float *query, *key, *value, *bias;
  // Floats from the beginning of an operand to this head.
  long queryAt, keyAt, valueAt, outputAt;
};

Work workOf(const Attention& a, const Division& d, long index) {
  const long entry = index / d.parts, part = index % d.parts;
  const long sample = entry / a.heads, head = entry % a.heads;
  const long width = a.heads * a.depth, valueWidth = a.heads * a.valueDepth;
  Work w;
  w.from = partStart(a.queries, part, d.parts);
  w.end = partEnd(a.queries, part, d.parts);
  w.needed = visibleTo(a, w.end - 1);
  w.queryAt = sample * a.queries * width + head * a.depth;
  w.keyAt = sample * a.keys * width + head * a.depth;
  w.valueAt = sample * a.keys * valueWidth + head * a.valueDepth;
  w.outputAt = sample * a.queries * valueWidth + head * a.valueDepth;
  w.query = a.query + w.queryAt;
  w.key = a.key + w.keyAt;
  w.value = a.value + w.valueAt;
  w.bias = a.bias != nullptr ? a.bias + sample * a.keys : nullptr;
  return w;
}

// Panels of a part of an operand [keys, columns] of one head, or of it turned over.
struct Panels {
  const float* at;
  // From one panel to the next.
  long stride;
};

Panels packed(const Runtime& run, const float* b, long keys, long columns, long stride, float* out) {
  run.compute.pack({columns, keys, b, stride}, 0, run.panels(columns), out);
  return {out, keys * run.compute.panel};
}

Panels packedTransposed(const Runtime& run, const float* b, long keys, long columns, long stride,
                        float* out) {
  run.compute.pack({keys, columns, b, stride, true}, 0, run.panels(keys), out);
  return {out, columns * run.compute.panel};
}

// c [rows, columns] = a [rows, depth] times panels
Product times(const Panels& panels, long columns, long depth, const float* a, long aStride, float* c,
              long cStride) {
  Product g = {columns, depth, a, aStride, false, nullptr, 0};
  g.panels = panels.at;
  g.panelStride = panels.stride;
  g.c = c;
  g.cStride = cStride;
  return g;
}

// Adds a^T b to c, for a [rows, .] and b [rows, columns].
Product addedTransposed(long columns, long rows, const float* a, long aStride, const float* b, long bStride,
                        float* c, long cStride) {
  Product g = {columns, rows, a, aStride, true, b, bStride};
  g.c = c;
  g.cStride = cStride;
  g.accumulate = true;
  return g;
}

// A tile of queries whose scores are in hand.
struct Tile {
  long from, rows;
  // Keys that any of them sees.
  long seen;
};

// Calls f(tile) for the tiles of some queries.
template <class F>
void overTiles(const Attention& a, const Work& w, const F& f) {
  const long size = tileOf(a), tiles = (w.end - w.from + size - 1) / size;
  for (long t = 0; t < tiles; t++) {
    const long from = w.from + partStart(w.end - w.from, t, tiles);
    const long end = w.from + partEnd(w.end - w.from, t, tiles);
    f(Tile{from, end - from, visibleTo(a, end - 1)});
  }
}

// Floats from one row of scores to the next: whole panels of keys.
long pitchOf(const Runtime& run, const Attention& a) {
  return padded(run.panels(a.keys) * run.compute.panel);
}

// Weights of a tile that are not divided by their sums yet; 1 over those goes to `inverse`.
void makeWeights(const Runtime& run, const Attention& a, const Work& w, const Tile& tile, const Panels& keys,
                 float* scores, float* inverse) {
  const long width = a.heads * a.depth, pitch = pitchOf(run, a);
  // Whole panels, of which the last ends in zeros.
  const long columns = run.panels(tile.seen) * run.compute.panel;
  const Product g = times(keys, columns, a.depth, w.query + tile.from * width, width, scores, pitch);
  run.compute.product(g, 0, tile.rows, 0, columns, nullptr);
  for (long r = 0; r < tile.rows; r++) {
    inverse[r] = run.compute.softmaxRow(scores + r * pitch, visibleTo(a, tile.from + r), columns, a.scale, w.bias);
  }
}

void clearRows(float* at, long rows, long n, long stride) {
  for (long r = 0; r < rows; r++) std::memset(at + r * stride, 0, n * sizeof(float));
}

}  // namespace

size_t attention(const Runtime& run, const Attention& a, float* y) {
  const Division division = divide(run, a, a.queries);
  const long width = a.heads * a.depth, valueWidth = a.heads * a.valueDepth;
  const long pitch = pitchOf(run, a);
  struct Places {
    size_t keys, values, scores, inverse;
  } places[kMostThreads];
  Scratch scratch;
  for (int t = 0; t < run.pool.size(); t++) {
    places[t] = {scratch.add(run.panelFloats(a.depth, a.keys)),
                 scratch.add(run.panelFloats(a.keys, a.valueDepth)),
                 scratch.add(tileOf(a) * pitch), scratch.add(kMostQueries)};
  }
  if (!scratch.allocate()) return scratch.bytes();
  run.pool.run(division.entries * division.parts, [&](long index, int worker) {
    const Places& p = places[worker];
    const Work w = workOf(a, division, index);
    float* output = y + w.outputAt;
    if (w.needed == 0) {
      clearRows(output + w.from * valueWidth, w.end - w.from, a.valueDepth, valueWidth);
      return;
    }
    const Panels keys = packedTransposed(run, w.key, w.needed, a.depth, width, scratch.at(p.keys));
    const Panels values = packed(run, w.value, w.needed, a.valueDepth, valueWidth, scratch.at(p.values));
    float *scores = scratch.at(p.scores), *inverse = scratch.at(p.inverse);
    overTiles(a, w, [&](const Tile& tile) {
      float* out = output + tile.from * valueWidth;
      if (tile.seen == 0) {
        clearRows(out, tile.rows, a.valueDepth, valueWidth);
        return;
      }
      makeWeights(run, a, w, tile, keys, scores, inverse);
      Product g = times(values, a.valueDepth, tile.seen, scores, pitch, out, valueWidth);
      g.finish = Finish::residual;
      g.factors = inverse;
      run.compute.product(g, 0, tile.rows, 0, a.valueDepth, nullptr);
    });
  });
  return 0;
}

size_t attentionGradient(const Runtime& run, const Attention& a, const float* y, const float* dy, float* dQuery,
                         float* dKey, float* dValue) {
  const long width = a.heads * a.depth, valueWidth = a.heads * a.valueDepth;
  const long pitch = pitchOf(run, a), threads = run.pool.size(), tileSize = tileOf(a);
  const long keyStride = padded(a.depth), valueStride = padded(a.valueDepth);
  // Sums of a part: those of keys, then those of values.
  const long valueSums = a.keys * keyStride, sumFloats = valueSums + a.keys * valueStride;
  const long sumStride = sumFloats + 16;
  const Division division = divide(run, a, kSumFloats / sumStride / (a.batch * a.heads));
  // Where a head is one part, its sums are only on their way to the outputs.
  const bool isWhole = division.parts == 1;
  const long count = isWhole ? threads : division.entries * division.parts;
  struct Places {
    size_t keys, turnedKeys, turnedValues, weights, gradients, inverse, buffer;
  } places[kMostThreads];
  Scratch scratch;
  const size_t sums = scratch.add(count * sumStride);
  for (int t = 0; t < threads; t++) {
    places[t] = {scratch.add(run.panelFloats(a.keys, a.depth)),
                 scratch.add(run.panelFloats(a.depth, a.keys)),
                 scratch.add(run.panelFloats(a.valueDepth, a.keys)),
                 scratch.add(tileSize * pitch),
                 scratch.add(tileSize * pitch),
                 scratch.add(kMostQueries),
                 scratch.add(run.bufferFloats(tileSize))};
  }
  if (!scratch.allocate()) return scratch.bytes();
  const auto writeSums = [&](const float* piece, const Work& w) {
    for (long k = 0; k < a.keys; k++) {
      std::memcpy(dKey + w.keyAt + k * width, piece + k * keyStride, a.depth * sizeof(float));
      std::memcpy(dValue + w.valueAt + k * valueWidth, piece + valueSums + k * valueStride,
                  a.valueDepth * sizeof(float));
    }
  };
  run.pool.run(division.entries * division.parts, [&](long index, int worker) {
    const Places& p = places[worker];
    const Work w = workOf(a, division, index);
    float* piece = scratch.at(sums) + (isWhole ? worker : index) * sumStride;
    std::memset(piece, 0, sumFloats * sizeof(float));
    float *weights = scratch.at(p.weights), *gradients = scratch.at(p.gradients);
    float *inverse = scratch.at(p.inverse), *buffer = scratch.at(p.buffer);
    Panels keys{}, turnedKeys{}, turnedValues{};
    if (w.needed > 0) {
      keys = packed(run, w.key, w.needed, a.depth, width, scratch.at(p.keys));
      turnedKeys = packedTransposed(run, w.key, w.needed, a.depth, width, scratch.at(p.turnedKeys));
      turnedValues =
          packedTransposed(run, w.value, w.needed, a.valueDepth, valueWidth, scratch.at(p.turnedValues));
    }
    overTiles(a, w, [&](const Tile& tile) {
      float* dTile = dQuery + w.queryAt + tile.from * width;
      if (tile.seen == 0) {
        clearRows(dTile, tile.rows, a.depth, width);
        return;
      }
      const long seen = tile.seen, columns = run.panels(seen) * run.compute.panel;
      const float* out = y + w.outputAt + tile.from * valueWidth;
      const float* dOut = dy + w.outputAt + tile.from * valueWidth;
      makeWeights(run, a, w, tile, turnedKeys, weights, inverse);
      for (long r = 0; r < tile.rows; r++) {
        run.compute.scaleRow(weights + r * pitch, inverse[r], seen, weights + r * pitch);
      }
      run.compute.product(addedTransposed(a.valueDepth, tile.rows, weights, pitch, dOut, valueWidth,
                                          piece + valueSums, valueStride),
                          0, seen, 0, a.valueDepth, buffer);
      run.compute.product(times(turnedValues, columns, a.valueDepth, dOut, valueWidth, gradients, pitch), 0,
                          tile.rows, 0, columns, nullptr);
      for (long r = 0; r < tile.rows; r++) {
        const float along =
            run.compute.dot(dOut + r * valueWidth, out + r * valueWidth, a.valueDepth);
        run.compute.scoreGradient(weights + r * pitch, gradients + r * pitch, along, a.scale,
                                  visibleTo(a, tile.from + r), columns);
      }
      run.compute.product(times(keys, a.depth, seen, gradients, pitch, dTile, width), 0, tile.rows, 0,
                          a.depth, nullptr);
      run.compute.product(addedTransposed(a.depth, tile.rows, gradients, pitch, w.query + tile.from * width,
                                          width, piece, keyStride),
                          0, seen, 0, a.depth, buffer);
    });
    if (isWhole) writeSums(piece, w);
  });
  if (isWhole) return 0;
  run.pool.run(division.entries, [&](long entry, int) {
    float* first = scratch.at(sums) + entry * division.parts * sumStride;
    for (long part = 1; part < division.parts; part++) {
      run.compute.addRows(first + part * sumStride, 0, 1, sumFloats, first);
    }
    writeSums(first, workOf(a, division, entry * division.parts));
  });
  return 0;
}

}  // namespace revcol
