/** The options by which a backbone normalises pixels: checks, what they mean for an input, saved form. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { requireStatistic } from '../../common/pixel_statistics';
import type { PixelStatistics } from '../../ops/normalize_pixels';

/** How a backbone normalises its input. */
export interface PixelOptions {
  /**
   * What is subtracted from the input before the stem, a number per channel or one for all: the mean of
   * the pixels, in the units that they have (0..1 or 0..255). Belongs to the model and is saved with it.
   * Default 0, or no normalisation if there is no `pixelStd` either.
   */
  pixelMean?: number | readonly number[];
  /**
   * What the input is then divided by, above 0, a number per channel or one for all: the deviation of
   * the pixels. Default 1, or no normalisation if there is no `pixelMean` either.
   */
  pixelStd?: number | readonly number[];
}

const NAMES = ['pixelMean', 'pixelStd'] as const;

/**
 * Asserts what can be said of the options without an input.
 *
 * @throws {Error} when a value is not finite or a deviation not above 0, or the two have unequal lengths
 */
export function requirePixels(owner: string, options: PixelOptions): void {
  for (const name of NAMES) {
    const given: unknown = options[name];
    if (given == null) continue;
    const such = 'one per channel of the input, or one for all channels';
    requireStatistic(owner, name, given, name === 'pixelStd', such);
  }
  const { pixelMean, pixelStd } = options;
  if (!Array.isArray(pixelMean) || !Array.isArray(pixelStd)) return;
  if (pixelMean.length === pixelStd.length) return;
  throw new Error(
    `${owner}: pixelMean has ${pixelMean.length} values and pixelStd ${pixelStd.length}; give both ` +
      `one per channel of the input`,
  );
}

/** Values as given, those of a typed array as a list, which a saved configuration can hold. */
export function plainNumbers(given: PixelOptions['pixelMean']): PixelOptions['pixelMean'] {
  const isTyped = ArrayBuffer.isView(given) && !(given instanceof DataView);
  return isTyped ? Array.from(given as unknown as ArrayLike<number>) : (given ?? undefined);
}

/**
 * By what inputs of a shape are normalised; null where they are not.
 *
 * @throws {Error} when the channels are not as many as the values, or the input has no pixels
 */
export function pixelStatistics(
  owner: string,
  { pixelMean, pixelStd }: PixelOptions,
  inputShape: tfl.Shape,
): PixelStatistics | null {
  if (pixelMean == null && pixelStd == null) return null;
  const channels = inputShape[inputShape.length - 1];
  if (inputShape.length < 3 || channels == null) {
    throw new Error(
      `${owner}: pixelMean and pixelStd are given, but an input of shape ${show(inputShape)} is no ` +
        `image; expected [batch, height, width, channels] with known channels. Leave them out here`,
    );
  }
  const perChannel = (name: (typeof NAMES)[number], given: number | readonly number[]) => {
    if (typeof given === 'number') return new Array<number>(channels).fill(given);
    if (given.length === channels) return [...given];
    throw new Error(
      `${owner}: ${name} has ${given.length} ${given.length === 1 ? 'value' : 'values'}, but the input ` +
        `of shape ${show(inputShape)} has ${channels} ${channels === 1 ? 'channel' : 'channels'}; give ` +
        `${channels}, or a number for all channels`,
    );
  };
  return {
    mean: perChannel('pixelMean', pixelMean ?? 0),
    std: perChannel('pixelStd', pixelStd ?? 1),
  };
}

/** The options as `getConfig` writes them. */
export function serializePixels(options: PixelOptions): tf.serialization.ConfigDict {
  const copy = (value: PixelOptions['pixelMean']) =>
    typeof value === 'object' ? [...value] : (value ?? null);
  return { pixelMean: copy(options.pixelMean), pixelStd: copy(options.pixelStd) };
}
