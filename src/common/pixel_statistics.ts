/** By what `preprocess` has normalised images, for those who must not do it again. */

/** Mean and deviation of each channel, of pixels in 0..1. */
interface Statistics {
  mean: readonly number[];
  std: readonly number[];
}

/** Few: one for each pair that a program uses. */
const used: Statistics[] = [];
const MOST = 16;

/** Notes by what images have been normalised. */
export function noteNormalized(mean: readonly number[], std: readonly number[]): void {
  if (used.length === MOST || used.some((s) => equal(s.mean, mean) && equal(s.std, std))) return;
  used.push({ mean: [...mean], std: [...std] });
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/**
 * Whether values are bytes that have been normalised by what was noted: undone, all of them are whole
 * numbers of 255ths, which other values are not. A single value tells nothing.
 *
 * @param values channel after channel of each pixel
 */
export function areNormalized(values: readonly number[], channels: number): boolean {
  if (values.every((value) => value === values[0])) return false;
  return used.some(
    ({ mean, std }) =>
      mean.length === channels &&
      values.every((value, i) => {
        const byte = 255 * (value * (std[i % channels] as number) + (mean[i % channels] as number));
        return byte > -0.5 && byte < 255.5 && Math.abs(byte - Math.round(byte)) < 0.01;
      }),
  );
}
