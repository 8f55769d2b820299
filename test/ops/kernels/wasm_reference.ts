import * as tf from '@tensorflow/tfjs';

/** Reproducible values in [-1, 1), float32. */
export function uniform(shape: readonly number[], seed: number): Float32Array {
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < values.length; i++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[i] = (state >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

type Shape4 = [number, number, number, number];
type Pair = [number, number];

/** A convolution whose gradients are tested; input, filter and dy are `uniform` with seeds 1, 2, 3. */
export interface ConvCase {
  inputShape: Shape4;
  filterShape: Shape4;
  strides: number | Pair;
  pad: number | 'same' | 'valid' | [Pair, Pair, Pair, Pair];
  depthwise: boolean;
  dilations?: number | Pair | undefined;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NHWC' | 'NCHW';
}

const pair = (value: number | Pair | undefined): Pair =>
  Array.isArray(value) ? value : [value ?? 1, value ?? 1];

/** Shape of y and padding, as tfjs computes them for the forward convolution. */
export function convShape(c: ConvCase) {
  return tf.backend_util.computeConv2DInfo(
    c.inputShape,
    c.filterShape,
    c.strides,
    pair(c.dilations),
    c.pad as 'same',
    c.dimRoundingMode,
    c.depthwise,
    c.dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast',
  );
}

/**
 * Gradients in float64 from the definition of the convolution: y at an output position is the sum
 * over taps of filter times input at (position x stride - padding + tap x dilation). `inputTerms` and
 * `filterTerms` are the same sums over magnitudes, the scale of rounding errors where terms cancel.
 */
export function convReference(c: ConvCase) {
  const { inputShape, filterShape, depthwise } = c;
  const first = c.dataFormat === 'NCHW';
  const dilations = pair(c.dilations);
  const { outShape, padInfo } = convShape(c);
  const strides = pair(c.strides);
  const x = uniform(inputShape, 1);
  const w = uniform(filterShape, 2);
  const dy = uniform(outShape, 3);
  const at = (shape: Shape4, b: number, row: number, column: number, channel: number): number => {
    const index = first ? [b, channel, row, column] : [b, row, column, channel];
    return index.reduce((offset, i, axis) => offset * (shape[axis] as number) + i, 0);
  };
  const channelAxis = first ? 1 : 3;
  const [rowAxis, columnAxis] = first ? [2, 3] : [1, 2];
  const [fh, fw, inChannels, last] = filterShape;
  const dInput = new Float64Array(x.length);
  const dFilter = new Float64Array(w.length);
  const inputTerms = new Float64Array(x.length);
  const filterTerms = new Float64Array(w.length);
  for (let b = 0; b < outShape[0]; b++)
    for (let oh = 0; oh < (outShape[rowAxis as 1] as number); oh++)
      for (let ow = 0; ow < (outShape[columnAxis as 2] as number); ow++)
        for (let r = 0; r < fh; r++)
          for (let s = 0; s < fw; s++) {
            const row = oh * strides[0] - padInfo.top + r * dilations[0];
            const column = ow * strides[1] - padInfo.left + s * dilations[1];
            if (row < 0 || row >= (inputShape[rowAxis as 1] as number)) continue;
            if (column < 0 || column >= (inputShape[columnAxis as 2] as number)) continue;
            for (let i = 0; i < inChannels; i++)
              for (let j = 0; j < last; j++) {
                const out = at(outShape, b, oh, ow, depthwise ? i * last + j : j);
                const source = at(inputShape, b, row, column, i);
                const tap = ((r * fw + s) * inChannels + i) * last + j;
                const g = dy[out] as number;
                const [toFilter, toInput] = [g * (x[source] as number), g * (w[tap] as number)];
                dFilter[tap] = (dFilter[tap] as number) + toFilter;
                dInput[source] = (dInput[source] as number) + toInput;
                filterTerms[tap] = (filterTerms[tap] as number) + Math.abs(toFilter);
                inputTerms[source] = (inputTerms[source] as number) + Math.abs(toInput);
              }
          }
  if (inputShape[channelAxis] !== inChannels) throw new Error('the case does not fit together');
  return { inputShape, filterShape, outShape, dInput, dFilter, inputTerms, filterTerms };
}
