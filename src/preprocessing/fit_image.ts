/** Images cut and resized to a model's size, as the published evaluation does it: without tensors. */
import { requireSides } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { roundHalfToEven } from '../common/rounding';
import type { PretrainedWeights } from '../registry/pretrained';
import { type PixelImage, type RgbImage, toRgb } from './image';
import { resizeBicubic, resizeRegion } from './resize_bicubic';

/** How to make model input of an image. The record of a published weight set is one. */
export interface PreprocessOptions {
  /**
   * `[height, width]` of the model input in pixels, or that with its channels: 3, or 1 of a model of grey
   * images. Default `[224, 224]`.
   */
  inputSize?: readonly [number, number] | readonly [number, number, 1 | 3];
  /**
   * `'center'`: the shorter side becomes 256/224 of the input size, then the centre is cut out.
   * `'squash'`: the image is resized to the input size, whatever its aspect ratio. Default:
   * `'center'` up to 224 pixels, `'squash'` above, as the published evaluation does.
   */
  crop?: 'center' | 'squash';
  /** Per-channel mean, RGB, for pixels in 0..1. Default: ImageNet's. */
  mean?: readonly [number, number, number];
  /** Per-channel deviation, RGB, for pixels in 0..1. Default: ImageNet's. */
  std?: readonly [number, number, number];
}

/** The names of its options, and of what else a record holds. */
export const PREPROCESS_OPTIONS: OptionNames<
  PreprocessOptions & Omit<PretrainedWeights, keyof PreprocessOptions>
> = {
  inputSize: true,
  crop: true,
  mean: true,
  std: true,
  name: true,
  size: true,
  fileName: true,
  packageFile: true,
  sources: true,
  approximateBytes: true,
  interpolation: true,
  numClasses: true,
  pretrainedOn: true,
  fineTunedOn: true,
  top1: true,
  classNames: true,
  checkpointKey: true,
  intermediateSupervision: true,
  headPrefix: true,
  dropPathRate: true,
  license: true,
  paper: true,
  origin: true,
};

/** What of an image is looked at where nothing is said, by the size of the input. */
export function usualCrop([height, width]: readonly [number, number]): 'center' | 'squash' {
  return Math.max(height, width) > 224 ? 'squash' : 'center';
}

/**
 * Resizes and cuts an image to the input size, bit for bit as `torchvision` does it with Pillow:
 * `Resize(int(256 / 224 * size), BICUBIC)` and `CenterCrop(size)`, or `Resize((height, width))`.
 *
 * @throws {Error} when the image is malformed, or `'center'` is to make an input that is not square
 */
export function fitImage(image: PixelImage, options: PreprocessOptions = {}): RgbImage {
  requireOptions('fitImage', options, PREPROCESS_OPTIONS);
  const [height, width] = requireSides('fitImage', 'inputSize', options.inputSize ?? [224, 224]);
  const mode = options.crop ?? usualCrop([height, width]);
  const rgb = toRgb(image);
  if (mode === 'squash') return resizeBicubic(rgb, width, height);
  if (height !== width) {
    throw new Error(
      `fitImage: crop 'center' makes square inputs, got inputSize ${height} x ${width}; give ` +
        "crop: 'squash'",
    );
  }
  const short = Math.trunc((256 / 224) * height);
  const shortest = Math.min(rgb.width, rgb.height);
  const side = (length: number) =>
    length === shortest ? short : Math.trunc((short * length) / shortest);
  const [wide, tall] = [side(rgb.width), side(rgb.height)];
  const left = roundHalfToEven((wide - width) / 2);
  const top = roundHalfToEven((tall - height) / 2);
  return resizeRegion(rgb, wide, tall, { left, top, width, height });
}
