/** Images as rows of patches, and back, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { FROM_PATCHES, PATCHES } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebglBackend, webglKernel } from './backend';
import { runProgram, type Source } from './program';

/** One number of an image or of a matrix, by its place. */
const NUMBER = (name: string) => `
float numberOf${name}(int matrix, int row, int col, int rows, int columns) {
  int pair = matrix * ((rows + 1) / 2) + row / 2;
  vec4 v = at${name}(pair, col / 2, (columns + 1) / 2);
  vec2 two = (row & 1) == 0 ? v.xy : v.zw;
  return (col & 1) == 0 ? two.x : two.y;
}`;

/** image: height, width, channels; grid: rows and columns of patches, pixels on a side, all rows of the matrix. */
const TO_ROWS: Source = {
  inputs: ['X'],
  uniforms: { image: 'ivec3', grid: 'ivec4' },
  functions: `${NUMBER('X')}
float valueAt(int row, int col) {
  int columns = grid.z * grid.z * image.z;
  if (row >= grid.w || col >= columns) return 0.;
  int cell = row / grid.y;
  int entry = cell / grid.x;
  int within = col / image.z;
  int y = (cell - entry * grid.x) * grid.z + within / grid.z;
  int x = (row - cell * grid.y) * grid.z + within - within / grid.z * grid.z;
  return numberOfX(entry * image.x + y, x, col - within * image.z, image.y, image.z);
}`,
  main: `
  ivec2 at = 2 * here((grid.z * grid.z * image.z + 1) / 2);
  setOutput(vec4(valueAt(at.x, at.y), valueAt(at.x, at.y + 1), valueAt(at.x + 1, at.y), valueAt(at.x + 1, at.y + 1)));`,
};

const TO_IMAGE: Source = {
  inputs: ['X'],
  uniforms: { image: 'ivec3', grid: 'ivec4' },
  functions: `${NUMBER('X')}
float valueAt(int line, int x, int channel) {
  if (x >= image.y || channel >= image.z) return 0.;
  int entry = line / image.x;
  int y = line - entry * image.x;
  ivec2 cell = ivec2(y, x) / grid.z;
  if (cell.x >= grid.x || cell.y >= grid.y) return 0.;
  int row = (entry * grid.x + cell.x) * grid.y + cell.y;
  ivec2 within = ivec2(y, x) - cell * grid.z;
  int col = (within.x * grid.z + within.y) * image.z + channel;
  return numberOfX(0, row, col, grid.w, grid.z * grid.z * image.z);
}`,
  main: `
  ivec2 at = here((image.z + 1) / 2);
  int pairs = (image.y + 1) / 2;
  int line = at.x / pairs;
  int x = 2 * (at.x - line * pairs);
  int c = 2 * at.y;
  setOutput(vec4(valueAt(line, x, c), valueAt(line, x, c + 1), valueAt(line, x + 1, c), valueAt(line, x + 1, c + 1)));`,
};

function run(
  backend: WebglBackend,
  source: Source,
  x: tf.TensorInfo,
  shape: readonly number[],
  [batch, height, width, channels]: readonly [number, number, number, number],
  size: number,
): tf.TensorInfo {
  if (sizeOf(x) === 0) return zeros(backend, shape);
  const grid = [Math.floor(height / size), Math.floor(width / size)] as const;
  return runProgram(backend, source, [x], shape, {
    image: [height, width, channels],
    grid: [...grid, size, batch * grid[0] * grid[1]],
  });
}

export const patches = webglKernel(PATCHES, (backend, { x }, { size }) => {
  const image = x.shape as [number, number, number, number];
  const [batch, height, width, channels] = image;
  const count = batch * Math.floor(height / size) * Math.floor(width / size);
  return run(backend, TO_ROWS, x, [count, size * size * channels], image, size);
});

export const fromPatches = webglKernel(
  FROM_PATCHES,
  (backend, { rows }, { size, batch, height, width }) => {
    const channels = (rows.shape.at(-1) as number) / (size * size);
    const image = [batch, height, width, channels] as const;
    return run(backend, TO_IMAGE, rows, image, image, size);
  },
);
