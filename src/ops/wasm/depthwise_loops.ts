import type { ConvGeometry } from './conv_geometry';

/**
 * Calls `visit(output pixel, input pixel, tap)` for every tap of every output pixel that reads
 * inside the image; all three count from 0 over the whole batch and the filter.
 */
function forEachTap(
  g: ConvGeometry,
  visit: (outPixel: number, pixel: number, tap: number) => void,
): void {
  for (let b = 0, outPixel = 0; b < g.batch; b++) {
    for (let outRow = 0; outRow < g.outHeight; outRow++) {
      for (let outColumn = 0; outColumn < g.outWidth; outColumn++, outPixel++) {
        for (let tap = 0; tap < g.filterHeight * g.filterWidth; tap++) {
          const s = tap % g.filterWidth;
          const r = (tap - s) / g.filterWidth;
          const row = outRow * g.strideHeight - g.top + r * g.dilationHeight;
          const column = outColumn * g.strideWidth - g.left + s * g.dilationWidth;
          if (row < 0 || row >= g.height || column < 0 || column >= g.width) continue;
          visit(outPixel, (b * g.height + row) * g.width + column, tap);
        }
      }
    }
  }
}

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
