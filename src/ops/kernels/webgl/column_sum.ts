/** Sums over rows, of one tensor or of the product of two, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { COLUMN_SUM } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebglBackend, webglKernel, withTemporaries } from './backend';
import { layoutOf, moveOver, runProgram, type Source } from './program';

/** Row pairs that one invocation adds up at most, where there are more of them than that. */
const PAIRS_AT_ONCE = 1024;

/** What is added up: x, x times another tensor, or x times what becomes normalised with its statistics. */
type Terms = 'x' | 'product' | 'normalized';

const INPUTS: Readonly<Record<Terms, readonly string[]>> = {
  x: ['X'],
  product: ['X', 'Y'],
  normalized: ['X', 'Y', 'S'],
};
const TERM: Readonly<Record<Terms, string>> = {
  x: 'atX(p, at.y, width)',
  product: 'atX(p, at.y, width) * atY(p, at.y, width)',
  normalized: 'atX(p, at.y, width) * (atY(p, at.y, width) - atS(p, 0, 1).yyww) * atS(p, 0, 1).xxzz',
};

/** Sums of `count` row pairs each; of the last part, those that are left. size: rows, columns, pairs, count. */
const sums = (terms: Terms, isPart: boolean): Source => ({
  inputs: INPUTS[terms],
  uniforms: { size: 'ivec4' },
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  int end = min(size.z, (at.x + 1) * size.w);
  vec4 sum = vec4(0.);
  vec4 part = vec4(0.);
  for (int p = at.x * size.w; p < end; p++) {
    part += inside(${TERM[terms]}, p, size.x, at.y, size.y);
    ${moveOver('p', 'part', 'sum')}
  }
  sum += part;
  setOutput(${isPart ? 'sum' : 'vec4(sum.xy + sum.zw, 0., 0.)'});`,
});

/** Sums over all axes but the last, `[..., n]` to `[n]`. */
export function sumOfRows(
  backend: WebglBackend,
  terms: Terms,
  tensors: readonly tf.TensorInfo[],
): tf.TensorInfo {
  const { shape } = tensors[0] as tf.TensorInfo;
  const { rows, columns, pairs } = layoutOf(shape);
  if (rows * columns * pairs === 0) return zeros(backend, [columns]);
  if (pairs <= PAIRS_AT_ONCE) {
    const size = [rows, columns, pairs, pairs];
    return runProgram(backend, sums(terms, false), tensors, [columns], { size });
  }
  return withTemporaries(backend, (temporary) => {
    const count = Math.ceil(Math.sqrt(pairs));
    const parts = Math.ceil(pairs / count);
    const size = [rows, columns, pairs, count];
    const partial = temporary(
      runProgram(backend, sums(terms, true), tensors, [parts, 2, columns], { size }),
    );
    const last = [2, columns, parts, parts];
    return runProgram(backend, sums('x', false), [partial], [columns], { size: last });
  });
}

export const columnSum = webglKernel(COLUMN_SUM, (backend, { x }) =>
  sizeOf(x) === 0 ? zeros(backend, x.shape.slice(1)) : sumOfRows(backend, 'x', [x]),
);
