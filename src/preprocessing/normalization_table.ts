/** Bytes of pixels to normalised values, by a table. */
import { requireMeanOfUnit, requireStatistic } from '../common/pixel_statistics';

/**
 * Asserts a mean and a deviation of pixels in 0..1, RGB.
 *
 * @throws {Error} when a value is out of range, or is meant for pixels in 0..255
 */
export function requireStatistics(owner: string, mean: unknown, std: unknown): void {
  const such = '[R, G, B], of pixels in 0..1';
  requireStatistic(owner, 'mean', mean, false, such, 3);
  requireStatistic(owner, 'std', std, true, such, 3);
  requireMeanOfUnit(owner, mean as readonly number[]);
}

/** Normalised value of each byte for each channel, each step rounded to float32 as PyTorch does. */
export function normalizationTable(mean: readonly number[], std: readonly number[]): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const center = Math.fround(mean[channel] as number);
    const deviation = Math.fround(std[channel] as number);
    for (let byte = 0; byte < 256; byte++) {
      const scaled = Math.fround(Math.fround(byte / 255) - center);
      table[256 * channel + byte] = scaled / deviation;
    }
  }
  return table;
}

/** Writes the normalised values of RGB bytes into `target` from `at` on. */
export function normalizeBytes(
  data: Uint8Array,
  table: Float32Array,
  target: Float32Array,
  at = 0,
): void {
  for (let i = 0; i < data.length; i += 3) {
    target[at + i] = table[data[i] as number] as number;
    target[at + i + 1] = table[256 + (data[i + 1] as number)] as number;
    target[at + i + 2] = table[512 + (data[i + 2] as number)] as number;
  }
}
