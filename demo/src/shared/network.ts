/** The network of the page: small enough to learn in seconds on a processor. */
import type { Settings } from './settings';

/** Mean and deviation of pixels in 0..1, of two sets of training pictures. */
const [DIGITS, FASHION] = [
  { mean: 0.1307, std: 0.3081 },
  { mean: 0.286, std: 0.353 },
];

/** Those that pictures are normalised with, which are not far from their own. */
const STATISTICS = { digits: DIGITS, doodles: DIGITS, fashion: FASHION, own: FASHION };

/** Layer scale as it begins. The published 1e-6 is for networks of dozens of blocks. */
export const LAYER_SCALE = 1;

const KERNEL_SIZE = 5;

/** What `createModel` and `revColBackbone` take alike. */
export function networkOptions({
  columns,
  side,
  data,
}: Pick<Settings, 'columns' | 'side' | 'data'>) {
  const { mean, std } = STATISTICS[data];
  return {
    inputShape: [side, side, 3] as [number, number, number],
    columns,
    channels: [16, 32, 64],
    depths: [1, 1, 1],
    patchSize: 2,
    kernelSize: KERNEL_SIZE,
    pixelMean: 255 * mean,
    pixelStd: 255 * std,
  };
}
