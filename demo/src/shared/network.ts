/** The network of the page: small enough to learn in seconds on a processor. */
import type { Settings } from './settings';

/** Mean and deviation of pixels in 0..255: of dark drawings, and not far from those of photographs. */
const PIXELS = { pixelMean: 64, pixelStd: 80 };

/** Layer scale as it begins. The published 1e-6 is for networks of dozens of blocks. */
export const LAYER_SCALE = 1;

const KERNEL_SIZE = 5;

/** What `createModel` and `revColBackbone` take alike. */
export function networkOptions({ columns, side }: Pick<Settings, 'columns' | 'side'>) {
  return {
    inputShape: [side, side, 3] as [number, number, number],
    columns,
    channels: [32, 64],
    depths: [1, 1],
    patchSize: 4,
    kernelSize: KERNEL_SIZE,
    ...PIXELS,
  };
}
