/** What levels are added up by, and undone by, on webgl. */
import { DOUBLED_GRAD, DOUBLED_SUM, PRODUCT_SUM, SCALED_SUM, UNDO_LEVEL } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { webglKernel } from './backend';
import { sumOfRows } from './column_sum';
import { runElementwise } from './elementwise';
import { runProgram, type Source } from './program';

export const productSum = webglKernel(PRODUCT_SUM, (backend, { x, y }) =>
  sumOfRows(backend, 'product', [x, y]),
);

const SCALED_AND_SHIFTED = { inputs: ['X', 'scale', 'shift'], expression: 'X * scale + shift' };
const SCALED_AND_OTHER = { inputs: ['X', 'scale', 'Other'], expression: 'X * scale + Other' };

export const scaledSum = webglKernel(SCALED_SUM, (backend, { x, scale, other }) => {
  const isVector = other.shape.length === 1;
  return runElementwise(backend, isVector ? SCALED_AND_SHIFTED : SCALED_AND_OTHER, [
    x,
    scale,
    other,
  ]);
});

const UNDONE = { inputs: ['C', 'F', 'alpha'], expression: '(C - F) / alpha' };

export const undoLevel = webglKernel(UNDO_LEVEL, (backend, { c, f, alpha }) =>
  runElementwise(backend, UNDONE, [c, f, alpha]),
);

/** size: height and width of x, channels. */
const DOUBLE: Source = {
  inputs: ['X', 'Other'],
  uniforms: { size: 'ivec3' },
  main: `
  int channels = (size.z + 1) / 2;
  ivec2 at = here(channels);
  // As many pairs of pixels in a row of the result as there are pixels in one of x.
  int row = at.x / size.y;
  int pixel = at.x - row * size.y;
  vec4 pair = atX(row / 2 * ((size.y + 1) / 2) + pixel / 2, at.y, channels);
  vec4 v = ((pixel & 1) == 0 ? pair.xyxy : pair.zwzw) + atOther(at.x, at.y, channels);
  if (isLast(at.y, size.z)) v.yw = vec2(0.);
  setOutput(v);`,
};

export const doubledSum = webglKernel(DOUBLED_SUM, (backend, { x, other }) => {
  if (sizeOf(other) === 0) return zeros(backend, other.shape);
  return runProgram(backend, DOUBLE, [x, other], other.shape, { size: x.shape.slice(1) });
});

/** size: height and width of the result, channels. */
const HALVE: Source = {
  inputs: ['D'],
  uniforms: { size: 'ivec3' },
  functions: `
vec2 sumOf(int row, int pixel, int channel, int channels) {
  if (pixel >= size.y) return vec2(0.);
  vec4 v = atD(2 * row * size.y + pixel, channel, channels)
    + atD((2 * row + 1) * size.y + pixel, channel, channels);
  return v.xy + v.zw;
}`,
  main: `
  int channels = (size.z + 1) / 2;
  ivec2 at = here(channels);
  int pairs = (size.y + 1) / 2;
  int row = at.x / pairs;
  int pixel = 2 * (at.x - row * pairs);
  vec4 v = vec4(sumOf(row, pixel, at.y, channels), sumOf(row, pixel + 1, at.y, channels));
  if (isLast(at.y, size.z)) v.yw = vec2(0.);
  setOutput(v);`,
};

export const doubledGrad = webglKernel(DOUBLED_GRAD, (backend, { dy }) => {
  const [batch, height, width, channels] = dy.shape as [number, number, number, number];
  const shape = [batch, height / 2, width / 2, channels];
  if (sizeOf(dy) === 0) return zeros(backend, shape);
  return runProgram(backend, HALVE, [dy], shape, { size: shape.slice(1) });
});
