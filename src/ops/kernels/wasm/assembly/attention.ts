/**
 * Attention and its gradients, some queries of one head at a time: their scores are made, turned into weights
 * and used while they are in the cache, so that no matrix of all scores is ever in memory (Dao et al. 2022,
 * arXiv 2205.14135). Heads are read where they stand, side by side in `[batch, time, heads * depth]`.
 */
import { exponential } from './exponential';
import { BLOCK_SCRATCH, COLUMNS, multiply, ROWS } from './gemm';

/** Of a key that must not be seen, added to its scores; see `ops/attention/mask.ts`. */
const LOW: f32 = -1e9;
/** Stands for "not causal" in place of an offset. */
const ALL: i32 = 0x40000000;

// Of the attention in hand.
let queries: i32 = 0;
let keys: i32 = 0;
let depth: i32 = 0;
let valueDepth: i32 = 0;
/** Bytes from one token to the next, of queries and keys, and of values and output. */
let width: usize = 0;
let valueWidth: usize = 0;
let scale: f32 = 0;
let offset: i32 = 0;

// Of the tile in hand.
/** Bytes from one row of scores to the next. */
let pitch: usize = 0;
/** Keys that any of its queries sees. */
let seen: i32 = 0;

function largest(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

function total(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 2) +
    (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
  );
}

/** Sum of the products of two rows. */
function dot(a: usize, b: usize, count: i32): f32 {
  const bytes = (<usize>count) << 2;
  let sums = f32x4.splat(0);
  let at: usize = 0;
  for (; at < (bytes & ~15); at += 16) {
    sums = f32x4.add(sums, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  }
  let sum = total(sums);
  for (; at < bytes; at += 4) sum += load<f32>(a + at) * load<f32>(b + at);
  return sum;
}

/**
 * Makes a row of scores into weights, 0 for keys from `visible` on. Both counts are padded to multiples of 4
 * with what has no effect, so that there are whole vectors only.
 *
 * @param bias one number per key, which is added, or 0 for none
 * @returns whether the query sees a key at all; else all of them are 0
 */
function softmaxRow(row: usize, visible: i32, bias: usize): bool {
  const end = (<usize>visible) << 2;
  const wide = (end + 15) & ~15;
  memory.fill(row + wide, 0, pitch - wide);
  if (visible <= 0) return false;
  for (let at = end; at < wide; at += 4) store<f32>(row + at, -Infinity);
  const factor = f32x4.splat(scale);
  let most = f32x4.splat(-Infinity);
  for (let at: usize = 0; at < wide; at += 16) {
    let x = f32x4.mul(v128.load(row + at), factor);
    if (bias != 0) x = f32x4.add(x, v128.load(bias + at));
    v128.store(row + at, x);
    most = f32x4.max(most, x);
  }
  const top = largest(most);
  if (bias != 0 && top < LOW / 2) {
    memory.fill(row, 0, wide);
    return false;
  }
  const top4 = f32x4.splat(top);
  let sums = f32x4.splat(0);
  for (let at: usize = 0; at < wide; at += 16) {
    const e = exponential(f32x4.sub(v128.load(row + at), top4));
    v128.store(row + at, e);
    sums = f32x4.add(sums, e);
  }
  const inverse = f32x4.splat(<f32>1 / total(sums));
  for (let at: usize = 0; at < wide; at += 16) {
    v128.store(row + at, f32x4.mul(v128.load(row + at), inverse));
  }
  return true;
}

/** How many keys query `i` sees, none of them hidden by a mask. */
function visibleTo(i: i32): i32 {
  return offset == ALL ? keys : max(0, min(keys, i + offset + 1));
}

/** Scores of queries [first, first + rows) of a head, made into weights. */
function weightsOf(
  q: usize,
  k: usize,
  bias: usize,
  first: i32,
  rows: i32,
  weights: usize,
  scratch: usize,
): void {
  seen = max(1, visibleTo(first + rows - 1));
  pitch = (<usize>((seen + 3) & ~3)) << 2;
  const from = q + width * <usize>first;
  multiply(ROWS, from, k, 0, weights, rows, seen, depth, true, scratch, width, width, pitch, false);
  for (let i = 0; i < rows; i++) {
    softmaxRow(weights + pitch * <usize>i, visibleTo(first + i), bias);
  }
}

function setShape(
  heads: i32,
  t: i32,
  s: i32,
  d: i32,
  e: i32,
  factor: f32,
  causalOffset: i32,
): void {
  queries = t;
  keys = s;
  depth = d;
  valueDepth = e;
  width = (<usize>(heads * d)) << 2;
  valueWidth = (<usize>(heads * e)) << 2;
  scale = factor;
  offset = causalOffset;
}

/**
 * Output of heads [first, first + count), counted over the whole batch.
 *
 * @param q batch x t x (heads d)
 * @param k batch x s x (heads d)
 * @param v batch x s x (heads e)
 * @param bias batch x s numbers, rows of `biasPitch` numbers, a multiple of 4, which are added to scores, or 0
 * @param y batch x t x (heads e), overwritten
 * @param causalOffset query i sees keys up to i + causalOffset; 2^30: all
 * @param factor of the scores, above 0
 * @param tile queries whose scores are there at a time
 * @param scratch `BLOCK_SCRATCH` bytes and then `tile` rows of scores, each of s numbers and up to 3 more
 */
export function attention(
  q: usize,
  k: usize,
  v: usize,
  bias: usize,
  y: usize,
  first: i32,
  count: i32,
  heads: i32,
  t: i32,
  s: i32,
  d: i32,
  e: i32,
  factor: f32,
  causalOffset: i32,
  biasPitch: i32,
  tile: i32,
  scratch: usize,
): void {
  setShape(heads, t, s, d, e, factor, causalOffset);
  const weights = scratch + BLOCK_SCRATCH;
  for (let entry = first; entry < first + count; entry++) {
    const image = <usize>(entry / heads);
    const head = <usize>(entry % heads);
    const at = head * ((<usize>d) << 2);
    const valueAt = head * ((<usize>e) << 2);
    const qHead = q + image * width * <usize>t + at;
    const kHead = k + image * width * <usize>s + at;
    const vHead = v + image * valueWidth * <usize>s + valueAt;
    const yHead = y + image * valueWidth * <usize>t + valueAt;
    const biasRow = bias == 0 ? 0 : bias + image * ((<usize>biasPitch) << 2);
    for (let i = 0; i < t; i += tile) {
      const rows = min(tile, t - i);
      weightsOf(qHead, kHead, biasRow, i, rows, weights, scratch);
      const to = yHead + valueWidth * <usize>i;
      multiply(
        ROWS,
        weights,
        vHead,
        0,
        to,
        rows,
        e,
        seen,
        false,
        scratch,
        pitch,
        valueWidth,
        valueWidth,
        false,
      );
    }
  }
}

/** Rows of a matrix become 0. */
function clear(at: usize, rows: i32, bytes: usize, stride: usize): void {
  for (let i = 0; i < rows; i++) memory.fill(at + stride * <usize>i, 0, bytes);
}

/**
 * Gradients of heads [first, first + count), for the gradient `dy` of the output `y`. The arguments are those
 * of `attention`; dq, dk and dv are laid out as q, k and v and overwritten.
 *
 * @param scratch as there, with twice as many rows of scores
 */
export function attentionGrad(
  q: usize,
  k: usize,
  v: usize,
  bias: usize,
  y: usize,
  dy: usize,
  dq: usize,
  dk: usize,
  dv: usize,
  first: i32,
  count: i32,
  heads: i32,
  t: i32,
  s: i32,
  d: i32,
  e: i32,
  factor: f32,
  causalOffset: i32,
  biasPitch: i32,
  tile: i32,
  scratch: usize,
): void {
  setShape(heads, t, s, d, e, factor, causalOffset);
  const weights = scratch + BLOCK_SCRATCH;
  const gradients = weights + ((<usize>tile * <usize>((s + 3) & ~3)) << 2);
  for (let entry = first; entry < first + count; entry++) {
    const image = <usize>(entry / heads);
    const head = <usize>(entry % heads);
    const at = head * ((<usize>d) << 2);
    const valueAt = head * ((<usize>e) << 2);
    const queryAt = image * width * <usize>t + at;
    const keyAt = image * width * <usize>s + at;
    const outputAt = image * valueWidth * <usize>t + valueAt;
    const vAt = image * valueWidth * <usize>s + valueAt;
    const biasRow = bias == 0 ? 0 : bias + image * ((<usize>biasPitch) << 2);
    clear(dk + keyAt, s, (<usize>d) << 2, width);
    clear(dv + vAt, s, (<usize>e) << 2, valueWidth);
    for (let i = 0; i < t; i += tile) {
      const rows = min(tile, t - i);
      weightsOf(q + queryAt, k + keyAt, biasRow, i, rows, weights, scratch);
      const dOut = dy + outputAt + valueWidth * <usize>i;
      const out = y + outputAt + valueWidth * <usize>i;
      multiply(
        COLUMNS,
        weights,
        dOut,
        0,
        dv + vAt,
        seen,
        e,
        rows,
        false,
        scratch,
        pitch,
        valueWidth,
        valueWidth,
        true,
      );
      multiply(
        ROWS,
        dOut,
        v + vAt,
        0,
        gradients,
        rows,
        seen,
        e,
        true,
        scratch,
        valueWidth,
        valueWidth,
        pitch,
        false,
      );
      for (let row = 0; row < rows; row++) {
        const offset = valueWidth * <usize>row;
        gradientRow(
          weights + pitch * <usize>row,
          gradients + pitch * <usize>row,
          dot(dOut + offset, out + offset, e),
          visibleTo(i + row),
        );
      }
      const from = q + queryAt + width * <usize>i;
      multiply(
        ROWS,
        gradients,
        k + keyAt,
        0,
        dq + queryAt + width * <usize>i,
        rows,
        d,
        seen,
        false,
        scratch,
        pitch,
        width,
        width,
        false,
      );
      multiply(
        COLUMNS,
        gradients,
        from,
        0,
        dk + keyAt,
        seen,
        d,
        rows,
        false,
        scratch,
        pitch,
        width,
        width,
        true,
      );
    }
  }
}

/** Gradient of a row of scores: weights x (gradients - along) x scale, 0 for keys that are not seen. */
function gradientRow(weights: usize, gradients: usize, along: f32, visible: i32): void {
  const wide = (<usize>max(0, visible) * 4 + 15) & ~15;
  const mean = f32x4.splat(along);
  const factor = f32x4.splat(scale);
  for (let at: usize = 0; at < wide; at += 16) {
    const centered = f32x4.sub(v128.load(gradients + at), mean);
    const product = f32x4.mul(v128.load(weights + at), centered);
    v128.store(gradients + at, f32x4.mul(product, factor));
  }
  memory.fill(gradients + wide, 0, pitch - wide);
}
