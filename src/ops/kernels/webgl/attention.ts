/**
 * Attention and its gradients on webgl. Heads are read where they lie side by side, two columns at a time, so that
 * none is moved; scores are masked, and softmax is taken of them, where they are computed.
 */
import type * as tf from '@tensorflow/tfjs-core';

import { type AttentionShape, attentionShape, requireOutputs } from '../attention_shape';
import { ATTENTION, ATTENTION_GRAD } from '../contract';
import { type WebglBackend, webglKernel, withTemporaries } from './backend';
import { runProgram, type Source } from './program';

/** Stands for "all keys are seen". */
const ALL = 2 ** 30;

/** sizes: queries, keys, heads, texels of a head in a row. */
const SIZES = { sizes: 'ivec4' } as const;

/**
 * Adds to `v` what `body` adds to `part` for each `i` in `[from, to)`, 16 of them at a time: long sums of small terms lose
 * their last digits otherwise.
 */
const summed = (from: string, to: string, body: string): string => `
  for (int start = ${from}; start < ${to}; start += 16) {
    vec4 part = vec4(0.);
    int end = min(${to}, start + 16);
    for (int i = start; i < end; i++) {
      ${body}
    }
    v += part;
  }`;

/** Pairs of queries and of keys, of which a texel has one each. */
const PAIRS = `
  int queryPairs = (sizes.x + 1) / 2;
  int keyPairs = (sizes.y + 1) / 2;`;

/** Where a texel of the scores, `[batch heads, t, s]`, is: its entry, head, and row pairs of query and key. */
const SCORE_PLACE = `${PAIRS}
  ivec2 at = here(keyPairs);
  int matrix = at.x / queryPairs;
  int entry = matrix / sizes.z;
  int head = matrix - entry * sizes.z;
  int query = entry * queryPairs + at.x - matrix * queryPairs;
  int key = entry * keyPairs + at.y;`;

/** Adds to `v` the products of heads of rows of A with those of rows of B. */
const HEAD_PRODUCT = `
  int width = sizes.z * sizes.w;
  int first = head * sizes.w;
  ${summed(
    '0',
    'sizes.w',
    `vec4 a = atA(query, first + i, width);
      vec4 b = atB(key, first + i, width);
      part += a.xxzz * b.xzxz;
      part += a.yyww * b.ywyw;`,
  )}`;

/** Scores with what hides keys, as which -1e9 counts. */
const scores = (isBiased: boolean): Source => ({
  inputs: ['A', 'B', ...(isBiased ? ['Bias'] : [])],
  uniforms: { ...SIZES, factor: 'float', causal: 'int' },
  main: `${SCORE_PLACE}
  int last = 2 * (at.x - matrix * queryPairs) + causal;
  if (2 * at.y > last + 1) {
    setOutput(inside(vec4(-1e9), at.x, sizes.x, at.y, sizes.y));
    return;
  }
  vec4 v = vec4(0.);
  ${HEAD_PRODUCT}
  v *= factor;
  ${
    isBiased
      ? `vec4 bias = atBias(entry / 2, at.y, keyPairs);
  v += (entry & 1) == 0 ? bias.xyxy : bias.zwzw;`
      : ''
  }
  if (2 * at.y > last) v.x = -1e9;
  if (2 * at.y + 1 > last) v.y = -1e9;
  if (2 * at.y + 1 > last + 1) v.w = -1e9;
  setOutput(inside(v, at.x, sizes.x, at.y, sizes.y));`,
});

/** The largest score of each row, and what makes the sum of exponentials 1; 0 where no key is seen. size: t, s. */
const STATISTICS: Source = {
  inputs: ['S'],
  uniforms: { size: 'ivec2' },
  main: `
  int width = (size.y + 1) / 2;
  int pair = here(1).x;
  vec2 most = vec2(-1e30);
  for (int i = 0; i < width; i++) {
    vec4 v = atS(pair, i, width);
    most = max(most, isLast(i, size.y) ? v.xz : max(v.xz, v.yw));
  }
  vec2 sum = vec2(0.);
  for (int i = 0; i < width; i++) {
    vec4 v = exp(atS(pair, i, width) - most.xxyy);
    sum += isLast(i, size.y) ? v.xz : v.xz + v.yw;
  }
  vec2 inverse = vec2(most.x < -5e8 ? 0. : 1. / sum.x, most.y < -5e8 ? 0. : 1. / sum.y);
  setOutput(vec4(most.x, inverse.x, most.y, inverse.y));`,
};

/** Softmax of the scores. */
const PROBABILITIES: Source = {
  inputs: ['S', 'Statistics'],
  uniforms: { size: 'ivec2' },
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  vec4 kept = atStatistics(at.x, 0, 1);
  vec4 v = exp(atS(at.x, at.y, width) - kept.xxzz) * kept.yyww;
  setOutput(inside(v, at.x, size.x, at.y, size.y));`,
};

/** Gradient of the scores: `P (dO V^T - along)`. */
const SCORE_GRADIENT: Source = {
  inputs: ['A', 'B', 'P', 'Along'],
  uniforms: { ...SIZES, causal: 'int' },
  main: `${SCORE_PLACE}
  vec4 v = vec4(0.);
  if (2 * at.y > 2 * (at.x - matrix * queryPairs) + causal + 1) {
    setOutput(v);
    return;
  }
  ${HEAD_PRODUCT}
  v = atP(at.x, at.y, keyPairs) * (v - atAlong(at.x, 0, 1).xxzz);
  setOutput(inside(v, at.x, sizes.x, at.y, sizes.y));`,
};

/** Sums over each head of the products of elements, `[batch heads, t, 1]`. */
const ALONG: Source = {
  inputs: ['A', 'B'],
  uniforms: SIZES,
  main: `
  int queryPairs = (sizes.x + 1) / 2;
  int pair = here(1).x;
  int matrix = pair / queryPairs;
  int entry = matrix / sizes.z;
  int row = entry * queryPairs + pair - matrix * queryPairs;
  int first = (matrix - entry * sizes.z) * sizes.w;
  vec4 v = vec4(0.);
  for (int k = first; k < first + sizes.w; k++) {
    v += atA(row, k, sizes.z * sizes.w) * atB(row, k, sizes.z * sizes.w);
  }
  setOutput(vec4(v.x + v.y, 0., isLone(pair, sizes.x) ? 0. : v.z + v.w, 0.));`,
};

/** Where a texel of the operands, `[batch, rows, width]`, is: its row pair and column pair. */
const OPERAND_PLACE = `${PAIRS}
  int width = sizes.z * sizes.w;
  ivec2 at = here(width);`;

/** P times the heads of B, of which there is a row for each key: `[batch, t, width]`. */
const ALONG_KEYS: Source = {
  inputs: ['P', 'B'],
  uniforms: { ...SIZES, factor: 'float', causal: 'int' },
  main: `${OPERAND_PLACE}
  int entry = at.x / queryPairs;
  int pair = at.x - entry * queryPairs;
  int row = (entry * sizes.z + at.y / sizes.w) * queryPairs + pair;
  int first = entry * keyPairs;
  // Keys that the later of both queries sees.
  int seen = clamp((2 * pair + 1 + causal) / 2 + 1, 0, keyPairs);
  int whole = min(seen, sizes.y / 2);
  vec4 v = vec4(0.);
  ${summed(
    '0',
    'whole',
    `vec4 p = atP(row, i, keyPairs);
      vec4 b = atB(first + i, at.y, width);
      part += p.xxzz * b.xyxy;
      part += p.yyww * b.zwzw;`,
  )}
  if (whole < seen) v += atP(row, whole, keyPairs).xxzz * atB(first + whole, at.y, width).xyxy;
  v *= factor;
  if (isLone(at.x, sizes.x)) v.zw = vec2(0.);
  setOutput(v);`,
};

/** P transposed times the heads of B, of which there is a row for each query: `[batch, s, width]`. */
const ALONG_QUERIES: Source = {
  inputs: ['P', 'B'],
  uniforms: { ...SIZES, factor: 'float', causal: 'int' },
  main: `${OPERAND_PLACE}
  int entry = at.x / keyPairs;
  int key = at.x - entry * keyPairs;
  int row = (entry * sizes.z + at.y / sizes.w) * queryPairs;
  int first = entry * queryPairs;
  // Queries that see the earlier of both keys.
  int unseen = clamp((2 * key - causal) / 2, 0, queryPairs);
  int whole = sizes.x / 2;
  vec4 v = vec4(0.);
  ${summed(
    'unseen',
    'whole',
    `vec4 p = atP(row + i, key, keyPairs);
      vec4 b = atB(first + i, at.y, width);
      part += p.xxyy * b.xyxy;
      part += p.zzww * b.zwzw;`,
  )}
  if (whole < queryPairs) {
    v += atP(row + whole, key, keyPairs).xxyy * atB(first + whole, at.y, width).xyxy;
  }
  v *= factor;
  if (isLone(at.x, sizes.y)) v.zw = vec2(0.);
  setOutput(v);`,
};

const sizesOf = ({ t, s, heads, causalOffset }: AttentionShape, width: number) => {
  const causal = Math.trunc(Math.max(-ALL, Math.min(causalOffset, ALL)));
  return { sizes: [t, s, heads, width / heads / 2], causal: [causal] };
};

/** Softmax of the scores, `[batch heads, t, s]`. */
function probabilities(
  backend: WebglBackend,
  shape: AttentionShape,
  query: tf.TensorInfo,
  key: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
): tf.TensorInfo {
  const { batch, heads, t, s, width, scale } = shape;
  return withTemporaries(backend, (temporary) => {
    const operands = bias ? [query, key, bias] : [query, key];
    const values = { ...sizesOf(shape, width), factor: [scale] };
    const all = [batch * heads, t, s];
    const raw = temporary(runProgram(backend, scores(bias !== undefined), operands, all, values));
    const size = { size: [t, s] };
    const kept = temporary(runProgram(backend, STATISTICS, [raw], [batch * heads, t, 2], size));
    return runProgram(backend, PROBABILITIES, [raw, kept], all, size);
  });
}

export const attention = webglKernel(ATTENTION, (backend, inputs, attributes) => {
  const shape = attentionShape(ATTENTION, 'webgl', inputs, attributes);
  const { query, key, value, bias } = inputs;
  const { batch, t, valueWidth } = shape;
  return withTemporaries(backend, (temporary) => {
    const p = temporary(probabilities(backend, shape, query, key, bias));
    const values = { ...sizesOf(shape, valueWidth), factor: [1] };
    return runProgram(backend, ALONG_KEYS, [p, value], [batch, t, valueWidth], values);
  });
});

export const attentionGrad = webglKernel(ATTENTION_GRAD, (backend, inputs, attributes) => {
  const shape = attentionShape(ATTENTION_GRAD, 'webgl', inputs, attributes);
  requireOutputs('webgl', shape, inputs);
  const { query, key, value, output, dOutput, bias } = inputs;
  const { batch, heads, t, s, width, valueWidth, scale } = shape;
  const [ofKeys, ofValues] = [sizesOf(shape, width), sizesOf(shape, valueWidth)];
  return withTemporaries(backend, (temporary) => {
    const p = temporary(probabilities(backend, shape, query, key, bias));
    const sums = [batch * heads, t, 1];
    const along = temporary(runProgram(backend, ALONG, [dOutput, output], sums, ofValues));
    const operands = [dOutput, value, p, along];
    const all = [batch * heads, t, s];
    const dScores = temporary(runProgram(backend, SCORE_GRADIENT, operands, all, ofValues));
    const [plain, scaled] = [
      { ...ofValues, factor: [1] },
      { ...ofKeys, factor: [scale] },
    ];
    return {
      dQuery: runProgram(backend, ALONG_KEYS, [dScores, key], [batch, t, width], scaled),
      dKey: runProgram(backend, ALONG_QUERIES, [dScores, query], [batch, s, width], scaled),
      dValue: runProgram(backend, ALONG_QUERIES, [p, dOutput], [batch, s, valueWidth], plain),
    };
  });
});
