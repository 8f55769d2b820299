import { type ConvGeometry, forEachTap } from './conv_geometry';

/** Filter gradient of a depthwise convolution in JavaScript, summed in float64. */
export function filterGradientLoops(
  x: Float32Array,
  dy: Float32Array,
  dw: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dw.length);
  const multiplier = g.outChannels / g.channels;
  forEachTap(g, (outPixel, pixel, tap) => {
    for (let j = 0; j < g.outChannels; j++) {
      const value = x[pixel * g.channels + Math.floor(j / multiplier)] as number;
      const at = tap * g.outChannels + j;
      sums[at] = (sums[at] as number) + value * (dy[outPixel * g.outChannels + j] as number);
    }
  });
  dw.set(sums);
}

/** Input gradient of a depthwise convolution in JavaScript, summed in float64. */
export function inputGradientLoops(
  dy: Float32Array,
  filter: Float32Array,
  dx: Float32Array,
  g: ConvGeometry,
): void {
  const sums = new Float64Array(dx.length);
  const multiplier = g.outChannels / g.channels;
  forEachTap(g, (outPixel, pixel, tap) => {
    for (let j = 0; j < g.outChannels; j++) {
      const at = pixel * g.channels + Math.floor(j / multiplier);
      const weight = filter[tap * g.outChannels + j] as number;
      sums[at] = (sums[at] as number) + weight * (dy[outPixel * g.outChannels + j] as number);
    }
  });
  dx.set(sums);
}
