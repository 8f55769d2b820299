/** The network of the page: `revcol_femto` with as many columns as one likes, which learns in seconds on a processor. */
import type { Settings } from './settings';

/** Mean and deviation of the training pictures of each shipped weight set, for pixels in 0..1. */
const STATISTICS = {
  digits: { mean: 0.1307, std: 0.3081 },
  fashion: { mean: 0.286, std: 0.353 },
};

export type ShippedName = keyof typeof STATISTICS;

/** The weights that the page brings, by what a run can begin with them. */
export const SHIPPED: Readonly<Record<Settings['data'], ShippedName>> = {
  digits: 'digits',
  fashion: 'fashion',
  // Drawings as well, and dark.
  doodles: 'digits',
  own: 'fashion',
};

/** Columns of these weights. */
export const SHIPPED_COLUMNS = 2;

/** Layer scale as it begins. The published 1e-6 is for networks of dozens of blocks. */
export const LAYER_SCALE = 1;

const KERNEL_SIZE = 5;

/** What `createModel` and `revColBackbone` take alike. */
export function networkOptions({
  columns,
  side,
  data,
}: Pick<Settings, 'columns' | 'side' | 'data'>) {
  const { mean, std } = STATISTICS[SHIPPED[data]];
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
