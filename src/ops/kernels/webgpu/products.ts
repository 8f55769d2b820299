/** Products of matrices on webgpu in tiles, with what comes before and after them in the same program. */
import type * as tf from '@tensorflow/tfjs-core';

import type { WebgpuBackend } from './backend';
import { NORMAL } from './gelu';
import { runProgram, type Source, THREADS } from './program';

/** Invocations along either side of a tile of the product. */
const SIDE = 16;
/** Terms that a workgroup holds at a time. */
const STEP = 16;

/** What is multiplied with an element of a factor when it is read, by its row and column, and the tensors for it. */
const BEFORE = {
  nothing: { inputs: [], code: '' },
  scaled: { inputs: ['Scale'], code: ' * Scale[column]' },
  survived: { inputs: ['Survival'], code: ' * Survival[row / uniforms.sample]' },
  both: {
    inputs: ['Scale', 'Survival'],
    code: ' * Scale[column] * Survival[row / uniforms.sample]',
  },
} as const;

/** What is done to an element of the product, with the tensors and functions for it, and further tensors that it gives. */
const AFTER = {
  nothing: { inputs: [], outputs: [], functions: '', code: 'result[at] = v;' },
  bias: { inputs: ['Bias'], outputs: [], functions: '', code: 'result[at] = v + Bias[column];' },
  gelu: {
    inputs: ['Bias'],
    outputs: [],
    functions: NORMAL,
    code: 'result[at] = gelu(v + Bias[column]);',
  },
  hidden: {
    inputs: ['Bias'],
    outputs: ['activated'],
    functions: NORMAL,
    code: `let h = v + Bias[column];
      result[at] = h;
      activated[at] = gelu(h);`,
  },
  geluSlope: {
    inputs: ['Hidden'],
    outputs: [],
    functions: NORMAL,
    code: 'result[at] = v * geluSlope(Hidden[at]);',
  },
  residual: {
    inputs: ['Bias', 'LayerScale', 'Residual'],
    outputs: [],
    functions: '',
    code: 'result[at] = (v + Bias[column]) * LayerScale[column] + Residual[at];',
  },
  survivingResidual: {
    inputs: ['Bias', 'LayerScale', 'Residual', 'Survives'],
    outputs: [],
    functions: '',
    code: `let branch = (v + Bias[column]) * LayerScale[column];
      result[at] = branch * Survives[row / uniforms.sample] + Residual[at];`,
  },
  // The sums over the terms of the second factor, beside the product.
  sums: { inputs: [], outputs: ['sums'], functions: '', code: 'result[at] = v;' },
} as const;

/** A kind of product. */
export interface Form {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Whether the first axis is of products, or of parts of the sums of one. */
  readonly first: 'batch' | 'parts';
  /** Of the first factor. */
  readonly beforeA: keyof typeof BEFORE;
  /** Of the second one. */
  readonly beforeB: keyof typeof BEFORE;
  readonly after: keyof typeof AFTER;
}

/** The form of a plain product. */
export const PLAIN: Form = {
  transposeA: false,
  transposeB: false,
  first: 'parts',
  beforeA: 'nothing',
  beforeB: 'nothing',
  after: 'nothing',
};

/** `count` is the number of products or parts, `part` that of terms in each, `sample` that of rows of a sample. */
const SIZES = {
  rows: 'i32',
  terms: 'i32',
  columns: 'i32',
  count: 'i32',
  part: 'i32',
  sample: 'i32',
} as const;

/** A function that reads a factor by its place in the product; `z` is the entry of the batch. */
function reader(name: 'A' | 'B', isTransposed: boolean, form: Form): string {
  const [rows, columns] = name === 'A' ? ['rows', 'terms'] : ['terms', 'columns'];
  const [height, width] = isTransposed ? [columns, rows] : [rows, columns];
  const before = BEFORE[name === 'A' ? form.beforeA : form.beforeB].code;
  const entry = form.first === 'batch' ? `z * uniforms.${height} + ` : '';
  return `
fn read${name}(z : i32, y : i32, x : i32) -> f32 {
  let row = ${isTransposed ? 'x' : 'y'};
  let column = ${isTransposed ? 'y' : 'x'};
  return ${name}[(${entry}row) * uniforms.${width} + column]${before};
}`;
}

/**
 * Fills a tile of a factor, term by term: neighbouring invocations read neighbouring numbers. What lies beyond
 * the factor is 0.
 */
function fill(name: 'A' | 'B', isTermLast: boolean, tile: number): string {
  const outer = name === 'A' ? 'row' : 'column';
  const [first, last] = isTermLast ? [STEP, 'k'] : [tile, 'o'];
  const place = name === 'A' ? `first_${outer} + o, first + k` : `first + k, first_${outer} + o`;
  return `
    for (var i = local; i < ${tile * STEP}; i += ${THREADS}) {
      let ${isTermLast ? 'o' : 'k'} = i / ${first};
      let ${last} = i % ${first};
      var value = 0.0;
      if (first + k < end && first_${outer} + o < uniforms.${outer}s) { value = read${name}(z, ${place}); }
      tile${name}[k * ${tile} + o] = value;
    }`;
}

/** The program of a form, by tiles of `tile` rows and columns. */
function productOf(form: Form, tile: number): Source {
  const { transposeA, transposeB, first, beforeA, beforeB, after } = form;
  const { inputs, outputs, functions, code } = AFTER[after];
  const each = tile / SIDE;
  const isSummed = after === 'sums';
  const vector = `vec${each}<f32>`;
  const isBatch = first === 'batch';
  // A vector for each kind of access: numbers are put into it one by one.
  const four = (name: string, from: string) => {
    const parts = Array.from(
      { length: each },
      (_, i) => `tile${name}[k * ${tile} + ${from} * ${each} + ${i}]`,
    );
    return `${vector}(${parts.join(', ')})`;
  };
  return {
    name: `product_${[transposeA, transposeB, first, beforeA, beforeB, after, tile].join('_')}`,
    inputs: ['A', 'B', ...BEFORE[beforeA].inputs, ...BEFORE[beforeB].inputs, ...inputs],
    outputs,
    uniforms: SIZES,
    threads: THREADS,
    functions: `${functions}
${reader('A', transposeA, form)}
${reader('B', transposeB, form)}
var<workgroup> tileA : array<f32, ${tile * STEP}>;
var<workgroup> tileB : array<f32, ${tile * STEP}>;`,
    main: `
  let local = i32(localIndex);
  let down = local / ${SIDE};
  let across = local % ${SIDE};
  let tilesAcross = (uniforms.columns + ${tile - 1}) / ${tile};
  let tiles = tilesAcross * ((uniforms.rows + ${tile - 1}) / ${tile});
  let group = groupIndex();
  let z = min(group / tiles, uniforms.count - 1);
  let place = group % tiles;
  let first_row = place / tilesAcross * ${tile};
  let first_column = place % tilesAcross * ${tile};
  let begin = ${isBatch ? '0' : 'z * uniforms.part'};
  let end = min(uniforms.terms, begin + uniforms.part);
  var sums_of : array<${vector}, ${each}>;
  ${isSummed ? `var sum_of_b = ${vector}(0.0);` : ''}
  let steps = (uniforms.part + ${STEP - 1}) / ${STEP};
  for (var s = 0; s < steps; s++) {
    let first = begin + s * ${STEP};
    ${fill('A', !transposeA, tile)}
    ${fill('B', transposeB, tile)}
    workgroupBarrier();
    for (var k = 0; k < ${STEP}; k++) {
      let a = ${four('A', 'down')};
      let b = ${four('B', 'across')};
      for (var i = 0; i < ${each}; i++) { sums_of[i] += a[i] * b; }
      ${isSummed ? 'sum_of_b += b;' : ''}
    }
    workgroupBarrier();
  }
  if (group >= tiles * uniforms.count) { return; }
  for (var i = 0; i < ${each}; i++) {
    let row = first_row + down * ${each} + i;
    for (var j = 0; j < ${each}; j++) {
      let column = first_column + across * ${each} + j;
      if (row >= uniforms.rows || column >= uniforms.columns) { continue; }
      let v = sums_of[i][j];
      let at = (z * uniforms.rows + row) * uniforms.columns + column;
      ${code}
      ${isSummed ? 'if (row == 0) { sums[z * uniforms.columns + column] = sum_of_b[j]; }' : ''}
    }
  }`,
  };
}

const made = new Map<string, Source>();

/** Programs are made when they are first needed: few of all forms ever are. */
function sourceOf(form: Form, tile: number): Source {
  const key = [...Object.values(form), tile].join();
  let source = made.get(key);
  if (!source) made.set(key, (source = productOf(form, tile)));
  return source;
}

/** Sizes of a product: of the factors, and how many there are of it, or how many parts of `part` terms each. */
export interface Sizes {
  readonly rows: number;
  readonly terms: number;
  readonly columns: number;
  readonly count: number;
  readonly part: number;
  /** Rows of a sample, where factors are read or results changed by samples. */
  readonly sample?: number;
}

/** As many workgroups as keep a device busy, of small tiles rather than of large ones. */
const ENOUGH_GROUPS = 128;

const tilesOf = (rows: number, columns: number, tile: number): number =>
  Math.ceil(rows / tile) * Math.ceil(columns / tile);

/** Terms that are added up by one workgroup, where there are others to add up more. */
const TERMS_AT_ONCE = 512;

/** How many parts the sums of a product are best split into: those of few elements keep too few workgroups busy. */
export function partsFor(rows: number, terms: number, columns: number): number {
  const wanted = Math.ceil(ENOUGH_GROUPS / tilesOf(rows, columns, 2 * SIDE));
  return Math.max(1, Math.min(wanted, Math.floor(terms / TERMS_AT_ONCE)));
}

/**
 * Runs a product of factors none of which is empty.
 *
 * @param tensors the factors, then what is done before and after takes
 * @param shapes of the results
 */
export function multiply(
  backend: WebgpuBackend,
  form: Form,
  tensors: readonly tf.TensorInfo[],
  shapes: readonly (readonly number[])[],
  { sample = 1, ...sizes }: Sizes,
): tf.TensorInfo[] {
  const { rows, columns, count } = sizes;
  const isLarge = count * tilesOf(rows, columns, 4 * SIDE) >= ENOUGH_GROUPS;
  const tile = (isLarge ? 4 : 2) * SIDE;
  const groups = count * tilesOf(rows, columns, tile);
  return runProgram(backend, sourceOf(form, tile), tensors, shapes, groups, { ...sizes, sample });
}
