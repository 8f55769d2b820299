/**
 * Programs over packed textures. A texel of one holds two rows and two columns of a matrix, `(r0 c0, r0 c1,
 * r1 c0, r1 c1)`, and a tensor `[..., rows, columns]` is a list of matrices: row pairs one after another, each
 * of `ceil(columns / 2)` texels. Whatever lies beyond an odd last row or column may be anything, NaN included,
 * when it is read, and is written as 0.
 */
import type * as tf from '@tensorflow/tfjs-core';

import type { UniformType, WebglBackend, WebglProgram } from './backend';

/** A program of the package: what it reads, and the body of its `main`. */
export interface Source {
  /** Names of the textures, with a capital letter; texels of `X` are read by `atX(pair, column, columns)`. */
  readonly inputs: readonly string[];
  readonly uniforms: Readonly<Record<string, UniformType>>;
  /** Functions that the body uses. */
  readonly functions?: string;
  /** Calls `setOutput` with a texel. */
  readonly main: string;
}

/** Reads of one texture: by row pair and texel of `width` texels, whichever shape the texture has. */
const reader = (name: string): string => `
vec4 at${name}(int row, int col, int width) {
  int w = (${name}TexShape.y + 1) / 2;
  if (w == width) return texelFetch(${name}, ivec2(col, row), 0);
  int index = row * width + col;
  int y = index / w;
  return texelFetch(${name}, ivec2(index - y * w, y), 0);
}`;

const COMMON = `
// The row pair and the texel in it that are to be computed, where a row has width texels.
ivec2 here(int width) {
  ivec2 place = ivec2(gl_FragCoord.xy);
  int w = (outTexShape.y + 1) / 2;
  if (w == width) return place.yx;
  int index = place.y * w + place.x;
  int row = index / width;
  return ivec2(row, index - row * width);
}
// Whether a row pair has one row only, of matrices with so many rows.
bool isLone(int pair, int rows) {
  if ((rows & 1) == 0) return false;
  int pairs = (rows + 1) / 2;
  return pair - (pair / pairs) * pairs == pairs - 1;
}
bool isLast(int col, int columns) {
  return (columns & 1) == 1 && 2 * col == columns - 1;
}
// Zeros beyond the last row and column.
vec4 inside(vec4 v, int pair, int rows, int col, int columns) {
  if (isLone(pair, rows)) v.zw = vec2(0.);
  if (isLast(col, columns)) v.yw = vec2(0.);
  return v;
}
`;

/**
 * Runs a program.
 *
 * @param tensors in the order of the program's inputs, none of them empty
 * @param shape of the output
 * @param values of the uniforms, by name
 * @returns the output, the caller's
 */
export function runProgram(
  backend: WebglBackend,
  { inputs, uniforms, functions = '', main }: Source,
  tensors: readonly tf.TensorInfo[],
  shape: readonly number[],
  values: Readonly<Record<string, readonly number[]>>,
): tf.TensorInfo {
  const names = Object.entries(uniforms);
  const program: WebglProgram = {
    variableNames: [...inputs],
    outputShape: [...layoutOf(shape).shape],
    packedInputs: true,
    packedOutput: true,
    // One program for all shapes: compiling takes longer than the first steps otherwise.
    enableShapeUniforms: true,
    customUniforms: names.map(([name, type]) => ({ name, type })),
    userCode: `${inputs.map(reader).join('\n')}\n${COMMON}\n${functions}\nvoid main() {\n${main}\n}`,
  };
  // Views of one rank: tfjs compiles a program for each combination of ranks.
  const views = tensors.map(({ dataId, dtype, shape: own }) => {
    return { dataId, dtype, shape: [...layoutOf(own).shape] };
  });
  const numbers = names.map(([name]) => [...(values[name] as readonly number[])]);
  const { dataId, dtype } = backend.runWebGLProgram(program, views, 'float32', numbers, true);
  return { dataId, dtype, shape: [...shape] };
}

/**
 * Ends the body of a loop that adds to `part`, and moves that over to `sum` every 16th time: long sums of small terms
 * lose their last digits otherwise. After the loop the rest is to be added.
 */
export const moveOver = (counter: string, part: string, sum: string): string =>
  `if (${counter} - ${counter} / 16 * 16 == 15) {
      ${sum} += ${part};
      ${part} = vec4(0.);
    }`;

/** How a tensor lies in its texture: matrices of `rows` rows and `columns` columns, `pairs` row pairs in all. */
export interface Layout {
  /** As programs see it. */
  readonly shape: readonly [matrices: number, rows: number, columns: number];
  readonly rows: number;
  readonly columns: number;
  readonly pairs: number;
}

/** The layout of a tensor of any rank. */
export function layoutOf(shape: readonly number[]): Layout {
  const columns = shape.at(-1) ?? 1;
  const rows = shape.at(-2) ?? 1;
  const matrices = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  return {
    shape: [matrices, rows, columns],
    rows,
    columns,
    pairs: matrices * Math.ceil(rows / 2),
  };
}

/** The uniform of programs that need no other sizes: rows of a matrix, and columns. */
export const SIZE = { size: 'ivec2' } as const;

/** Its value for a tensor. */
export function sizeUniform({ shape }: tf.TensorInfo): { size: number[] } {
  const { rows, columns } = layoutOf(shape);
  return { size: [rows, columns] };
}

/** The shape with another last axis. */
export const withColumns = (shape: readonly number[], columns: number): number[] => [
  ...shape.slice(0, -1),
  columns,
];
