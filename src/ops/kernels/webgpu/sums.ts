/** Sums over rows, of one tensor or of products, and sums of parts, on webgpu. */
import type * as tf from '@tensorflow/tfjs-core';

import { COLUMN_SUM, PRODUCT_SUM } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel, withTemporaries } from './backend';
import { groupsFor, ROWS, rowsOf, runProgram, type Source, THREADS } from './program';

/** Columns that a workgroup adds up, which lie side by side, and its invocations for each. */
export const ACROSS = 32;
export const LANES = THREADS / ACROSS;

/** `added(value)`, the sum over the invocations of a workgroup that have a column in common, of that type. Called once. */
export const byColumns = (type: string): string => `
var<workgroup> held : array<${type}, ${THREADS}>;
fn added(value : ${type}) -> ${type} {
  let local = i32(localIndex);
  held[local] = value;
  workgroupBarrier();
  var sum = held[local % ${ACROSS}];
  for (var i = 1; i < ${LANES}; i++) { sum += held[i * ${ACROSS} + local % ${ACROSS}]; }
  return sum;
}`;

/** Which column and which lane of it an invocation is, and the workgroup, of which there are `blocks` for a row. */
export const COLUMN = `
  let lane = i32(localIndex) / ${ACROSS};
  let blocks = (uniforms.columns + ${ACROSS - 1}) / ${ACROSS};
  let group = groupIndex();
  let column = group % blocks * ${ACROSS} + i32(localIndex) % ${ACROSS};`;

/** Blocks of columns. */
export const blocksOf = (columns: number): number => Math.ceil(columns / ACROSS);

/** What is added up: x, x times another tensor, or x and x times what becomes normalised with its statistics. */
type Terms = 'x' | 'product' | 'normalized';

const INPUTS: Readonly<Record<Terms, readonly string[]>> = {
  x: ['X'],
  product: ['X', 'Y'],
  normalized: ['X', 'Y', 'Statistics'],
};
const TERM: Readonly<Record<Terms, string>> = {
  x: 'vec2<f32>(X[at], 0.0)',
  product: 'vec2<f32>(X[at] * Y[at], 0.0)',
  normalized: 'vec2<f32>(X[at], X[at] * ((Y[at] - Statistics[2 * row + 1]) * Statistics[2 * row]))',
};

/** Sums of `count` rows each; of the last part, those that are left. */
const columnSums = (terms: Terms): Source => {
  const isTwo = terms === 'normalized';
  return {
    name: `column_sums_${terms}`,
    inputs: INPUTS[terms],
    outputs: isTwo ? ['second'] : [],
    uniforms: { ...ROWS, count: 'i32' },
    threads: THREADS,
    functions: byColumns('vec2<f32>'),
    main: `${COLUMN}
  let part = group / blocks;
  let end = select(0, min(uniforms.rows, (part + 1) * uniforms.count), column < uniforms.columns);
  var sum = vec2<f32>(0.0);
  for (var row = part * uniforms.count + lane; row < end; row += ${LANES}) {
    let at = row * uniforms.columns + column;
    sum += ${TERM[terms]};
  }
  sum = added(sum);
  if (lane > 0 || column >= uniforms.columns || part * uniforms.count >= uniforms.rows) { return; }
  result[part * uniforms.columns + column] = sum.x;
  ${isTwo ? 'second[part * uniforms.columns + column] = sum.y;' : ''}`,
  };
};
const COLUMN_SUMS: Readonly<Record<Terms, Source>> = {
  x: columnSums('x'),
  product: columnSums('product'),
  normalized: columnSums('normalized'),
};

/** Rows that a workgroup adds up at most. */
const ROWS_AT_ONCE = 2048;

const PARTS: Readonly<Record<1 | 2, Source>> = { 1: sumOfParts(1), 2: sumOfParts(2) };

/** Sums of parts, of one tensor or of two. */
function sumOfParts(tensors: 1 | 2): Source {
  const sum = (from: string, to: string, at: string, count: string) => `
    var sum = 0.0;
    for (var i = 0; i < uniforms.parts; i++) { sum += ${from}[i * ${count} + ${at}]; }
    ${to}[${at}] = sum;`;
  return {
    name: `parts_${tensors}`,
    inputs: tensors === 1 ? ['X'] : ['X', 'Y'],
    outputs: tensors === 1 ? [] : ['second'],
    uniforms: { parts: 'i32', first: 'i32', more: 'i32' },
    threads: THREADS,
    main: `
  if (index < uniforms.first) { ${sum('X', 'result', 'index', 'uniforms.first')} }
  ${
    tensors === 1
      ? ''
      : `let at = index - uniforms.first;
  if (at >= 0 && at < uniforms.more) { ${sum('Y', 'second', 'at', 'uniforms.more')} }`
  }`,
  };
}

/**
 * Sums over the first axis of one tensor or two, `[parts, ...]`.
 *
 * @param shapes of the sums
 */
export function addParts(
  backend: WebgpuBackend,
  tensors: readonly tf.TensorInfo[],
  shapes: readonly (readonly number[])[],
): tf.TensorInfo[] {
  const parts = (tensors[0] as tf.TensorInfo).shape[0] as number;
  const [first, more = 0] = tensors.map((tensor) => sizeOf(tensor) / parts) as [number, number?];
  const source = PARTS[tensors.length as 1 | 2];
  return runProgram(backend, source, tensors, shapes, groupsFor(first + more), {
    parts,
    first,
    more,
  });
}

/** Parts of `count` each, of the last what is left: about as many as are wanted, and none that is empty. */
export function partition(total: number, wanted: number): { parts: number; count: number } {
  const count = Math.ceil(total / wanted);
  return { parts: Math.ceil(total / count), count };
}

/**
 * Runs a program that gives parts, `[parts, ...]` each, and adds these up; with one part it gives the sums
 * themselves.
 *
 * @param shapes of the sums
 */
export function inParts(
  backend: WebgpuBackend,
  parts: number,
  shapes: readonly (readonly number[])[],
  run: (shapes: readonly (readonly number[])[]) => readonly tf.TensorInfo[],
): tf.TensorInfo[] {
  if (parts === 1) return [...run(shapes)];
  return withTemporaries(backend, (temporary) => {
    const partial = run(shapes.map((shape) => [parts, ...shape])).map(temporary);
    return addParts(backend, partial, shapes);
  });
}

/** Sums over all axes but the last, `[..., n]` to `[n]`; of 'normalized' two, else one. */
export function sumsOfRows(
  backend: WebgpuBackend,
  terms: Terms,
  tensors: readonly tf.TensorInfo[],
): tf.TensorInfo[] {
  const { rows, columns } = rowsOf(tensors[0] as tf.TensorInfo);
  const shapes = terms === 'normalized' ? [[columns], [columns]] : [[columns]];
  if (rows * columns === 0) return shapes.map((shape) => zeros(backend, shape));
  const { parts, count } = partition(rows, Math.ceil(rows / ROWS_AT_ONCE));
  const values = { rows, columns, count };
  return inParts(backend, parts, shapes, (partial) =>
    runProgram(backend, COLUMN_SUMS[terms], tensors, partial, parts * blocksOf(columns), values),
  );
}

const onlyOf = (sums: readonly tf.TensorInfo[]) => sums[0] as tf.TensorInfo;

export const columnSum = webgpuKernel(COLUMN_SUM, (backend, { x }) =>
  onlyOf(sumsOfRows(backend, 'x', [x])),
);

export const productSum = webgpuKernel(PRODUCT_SUM, (backend, { x, y }) =>
  onlyOf(sumsOfRows(backend, 'product', [x, y])),
);
