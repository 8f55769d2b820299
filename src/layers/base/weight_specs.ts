/**
 * Names, shapes and initial values of every weight that a built-in layer has. One source for
 * building layers and for describing models too large to allocate.
 */

/** One weight: its name within the layer, its shape, and what it starts as. */
export interface WeightSpec {
  name: string;
  shape: number[];
  /** Truncated normal with deviation 0.02, or a constant. */
  init: 'truncatedNormal' | number;
}

/** Hidden width of a ConvNeXt block over its channels. */
export const EXPANSION = 4;

/** Initial layer scale of a ConvNeXt block. */
export const LAYER_SCALE_INIT = 1e-6;

/** Initial alpha of every channel (paper section 2.1). */
export const ALPHA_INIT = 0.5;

function kernelAndBias(prefix: string, kernel: number[], bias: number): WeightSpec[] {
  return [
    { name: `${prefix}/kernel`, shape: kernel, init: 'truncatedNormal' },
    { name: `${prefix}/bias`, shape: [bias], init: 0 },
  ];
}

function norm(prefix: string, channels: number): WeightSpec[] {
  return [
    { name: `${prefix}/gamma`, shape: [channels], init: 1 },
    { name: `${prefix}/beta`, shape: [channels], init: 0 },
  ];
}

/** Weights of a ConvNeXt block, in the order of `ConvNextWeights`. */
export function blockSpecs(
  channels: number,
  kernelSize: number,
  expansion: number,
  layerScaleInit: number,
): WeightSpec[] {
  const hidden = channels * expansion;
  return [
    ...kernelAndBias('depthwise', [kernelSize, kernelSize, channels, 1], channels),
    ...norm('norm', channels),
    ...kernelAndBias('expand', [channels, hidden], hidden),
    ...kernelAndBias('project', [hidden, channels], channels),
    { name: 'layer_scale', shape: [channels], init: layerScaleInit },
  ];
}

/**
 * Weights of one path of a fusion, in the order of `PathWeights`.
 *
 * @param kernel null: a LayerNorm alone
 */
export function pathSpecs(
  path: 'down' | 'up' | 'top',
  kernel: number[] | null,
  channels: number,
): WeightSpec[] {
  const projection = kernel ? kernelAndBias(path, kernel, channels) : [];
  return [...projection, ...norm(`${path}_norm`, channels)];
}

/** Weights of the stem; `kernel` is `[p, p, in, out]` for images and `[in, out]` otherwise. */
export function stemSpecs(kernel: number[], channels: number): WeightSpec[] {
  return [...kernelAndBias('projection', kernel, channels), ...norm('norm', channels)];
}

/** Weights of the classification head. */
export function headSpecs(channels: number, classes: number): WeightSpec[] {
  return [...norm('norm', channels), ...kernelAndBias('classifier', [channels, classes], classes)];
}

/** The alpha of one level. */
export function alphaSpec(level: number, channels: number): WeightSpec {
  return { name: `level_${level}/alpha`, shape: [channels], init: ALPHA_INIT };
}

/** A projection of a decoder with its LayerNorm. */
export function projectionSpecs(index: number, from: number, to: number): WeightSpec[] {
  const path = `projection_${index}`;
  return [...kernelAndBias(path, [from, to], to), ...norm(`${path}/norm`, to)];
}

/** The last projection of a decoder, to the values of a patch. */
export function pixelSpecs(from: number, values: number): WeightSpec[] {
  return kernelAndBias('pixels', [from, values], values);
}

/** The LayerNorm that begins a simple decoder. */
export function decoderNormSpecs(channels: number): WeightSpec[] {
  return norm('norm', channels);
}

/** The kernel of a convolution without bias. */
export function convSpec(kernelSize: number, from: number, to: number): WeightSpec {
  return { name: 'kernel', shape: [kernelSize, kernelSize, from, to], init: 'truncatedNormal' };
}

/** Scale and shift of a batch normalisation. */
export function batchNormSpecs(channels: number): WeightSpec[] {
  return norm('norm', channels);
}

/** Running statistics of a batch normalisation, in the order of `RunningStatistics`. */
export function runningSpecs(channels: number): WeightSpec[] {
  return [
    { name: 'norm/moving_mean', shape: [channels], init: 0 },
    { name: 'norm/moving_variance', shape: [channels], init: 1 },
    { name: 'norm/batches', shape: [], init: 0 },
  ];
}

/** The projection of a segmentation head to the logits of its classes. */
export function logitsSpecs(channels: number, classes: number): WeightSpec[] {
  return kernelAndBias('logits', [channels, classes], classes);
}

/** A convolution of a head for detection, with bias: `PATH/kernel` and `PATH/bias`. */
export function biasedConvSpecs(
  path: string,
  kernelSize: number,
  from: number,
  to: number,
): WeightSpec[] {
  // One of side 1 is a product of matrices.
  const kernel = kernelSize === 1 ? [from, to] : [kernelSize, kernelSize, from, to];
  return kernelAndBias(path, kernel, to);
}

/** A product of all values of a map of features, with bias. */
export function flatSpecs(
  path: string,
  map: readonly [height: number, width: number, channels: number],
  to: number,
): WeightSpec[] {
  return kernelAndBias(path, [...map, to], to);
}

/** A transposed convolution that doubles a map, with bias. */
export function doublingSpecs(path: string, from: number, to: number): WeightSpec[] {
  return kernelAndBias(path, [from, 2, 2, to], to);
}
