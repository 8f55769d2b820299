/** By what a model normalises pixels itself, and of which pixels that is. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { PixelOptions } from './pixels';

/** Mean and deviation as the backbone has them: a number per channel, or one for all. */
export interface OwnPixels {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Largest value of pixels in their units; null where they are neither of pixels in 0..1 nor in 0..255. */
  readonly range: 1 | 255 | null;
}

/** By what a model normalises pixels itself; undefined where it does not. */
export function ownPixels(model: Pick<tfl.LayersModel, 'layers'>): OwnPixels | undefined {
  // Not by their configurations, which layers with adapters refuse to give.
  const options = layersIn(model).map((layer) => (layer as { pixels?: PixelOptions }).pixels);
  const own = options.find((pixels) => pixels?.pixelMean != null || pixels?.pixelStd != null);
  if (!own) return undefined;
  const listOf = (value: number | readonly number[]): readonly number[] =>
    typeof value === 'number' ? [value] : value;
  const [mean, std] = [listOf(own.pixelMean ?? 0), listOf(own.pixelStd ?? 1)];
  const most = (values: readonly number[]) => Math.max(...values.map(Math.abs));
  const isUnit = most(mean) <= 1 && most(std) <= 1;
  const isByte = most(std) > 1 && ((most(mean) > 1 && most(mean) <= 255) || most(mean) === 0);
  return { mean, std, range: isUnit ? 1 : isByte ? 255 : null };
}

/** The layers of a model, and of the models in it. */
function layersIn({ layers }: Pick<tfl.LayersModel, 'layers'>): tfl.layers.Layer[] {
  return layers.flatMap((layer) => {
    const { layers: inner } = layer as Partial<tfl.LayersModel>;
    return Array.isArray(inner) ? [layer, ...layersIn({ layers: inner })] : [layer];
  });
}
