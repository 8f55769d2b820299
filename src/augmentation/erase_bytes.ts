/** Random erasing of images of bytes, without tensors: fit for a worker thread. */
import type { RgbImage } from '../preprocessing/image';
import type { Region } from '../preprocessing/resize_bicubic';
import { type CheckedErasing, eraseValues, isErased } from './erase_values';
import type { SeededRandom } from './random';

/** Calls `fn` with the offset of every value inside of regions. */
export function forEachInside(
  regions: readonly Region[],
  width: number,
  channels: number,
  fn: (i: number) => void,
): void {
  for (const region of regions) {
    for (let y = region.top; y < region.top + region.height; y++) {
      const start = channels * (width * y + region.left);
      for (let i = start; i < start + channels * region.width; i++) fn(i);
    }
  }
}

/** Erases from bytes: noise of the normalised image becomes bytes by mean and deviation. */
export function eraseBytes(
  image: RgbImage,
  erasing: CheckedErasing,
  mean: readonly number[],
  std: readonly number[],
  random: SeededRandom,
): RgbImage {
  if (!isErased(erasing, random)) return image;
  const { width, height, data } = image;
  const noise = new Float32Array(data.length);
  const regions = eraseValues(noise, 0, [height, width, 3], erasing, random);
  const erased = data.slice();
  forEachInside(regions, width, 3, (i) => {
    const value = (mean[i % 3] as number) + (std[i % 3] as number) * (noise[i] as number);
    erased[i] = Math.max(0, Math.min(255, Math.round(255 * value)));
  });
  return { width, height, data: erased };
}
