/** Images as rows of patches, and back, on webgpu. */
import * as tf from '@tensorflow/tfjs-core';

import { FROM_PATCHES, PATCHES } from '../contract';
import { zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel } from './backend';
import { groupsFor, runSingle, type Source, THREADS } from './program';

/** The image, a patch's side, and how many patches an image has in height and in width. */
const SIZES = {
  count: 'i32',
  height: 'i32',
  width: 'i32',
  channels: 'i32',
  side: 'i32',
  down: 'i32',
  across: 'i32',
} as const;

const TO_ROWS: Source = {
  name: 'patches',
  inputs: ['X'],
  uniforms: SIZES,
  threads: THREADS,
  main: `
  if (index >= uniforms.count) { return; }
  let pixel = index / uniforms.channels;
  let channel = index - pixel * uniforms.channels;
  let line = pixel / uniforms.side;
  let row = line / uniforms.side;
  let band = row / uniforms.across;
  let entry = band / uniforms.down;
  let y = (band - entry * uniforms.down) * uniforms.side + line - row * uniforms.side;
  let x = (row - band * uniforms.across) * uniforms.side + pixel - line * uniforms.side;
  result[index] = X[((entry * uniforms.height + y) * uniforms.width + x) * uniforms.channels + channel];`,
};

const TO_IMAGE: Source = {
  name: 'from_patches',
  inputs: ['X'],
  uniforms: SIZES,
  threads: THREADS,
  main: `
  if (index >= uniforms.count) { return; }
  let pixel = index / uniforms.channels;
  let channel = index - pixel * uniforms.channels;
  let line = pixel / uniforms.width;
  let x = pixel - line * uniforms.width;
  let entry = line / uniforms.height;
  let y = line - entry * uniforms.height;
  let cell = vec2<i32>(y, x) / uniforms.side;
  let within = vec2<i32>(y, x) - cell * uniforms.side;
  var value = 0.0;
  if (cell.x < uniforms.down && cell.y < uniforms.across) {
    let row = (entry * uniforms.down + cell.x) * uniforms.across + cell.y;
    let at = (row * uniforms.side + within.x) * uniforms.side + within.y;
    value = X[at * uniforms.channels + channel];
  }
  result[index] = value;`,
};

function run(
  backend: WebgpuBackend,
  source: Source,
  x: tf.TensorInfo,
  shape: readonly number[],
  [, height, width, channels]: readonly [number, number, number, number],
  side: number,
): tf.TensorInfo {
  const count = tf.util.sizeFromShape([...shape]);
  if (count === 0 || tf.util.sizeFromShape(x.shape) === 0) return zeros(backend, shape);
  const [down, across] = [Math.floor(height / side), Math.floor(width / side)];
  const values = { count, height, width, channels, side, down, across };
  return runSingle(backend, source, [x], [shape], groupsFor(count), values);
}

export const patches = webgpuKernel(PATCHES, (backend, { x }, { size }) => {
  const image = x.shape as [number, number, number, number];
  const [batch, height, width, channels] = image;
  const count = batch * Math.floor(height / size) * Math.floor(width / size);
  return run(backend, TO_ROWS, x, [count, size * size * channels], image, size);
});

export const fromPatches = webgpuKernel(
  FROM_PATCHES,
  (backend, { rows }, { size, batch, height, width }) => {
    const channels = (rows.shape.at(-1) as number) / (size * size);
    const image = [batch, height, width, channels] as const;
    return run(backend, TO_IMAGE, rows, image, image, size);
  },
);
