/** Where RoIAlign looks along one axis: which pixels each bin takes, and in what shares. */

/** Shares of the pixels of a window in each bin. */
export interface AxisWindow {
  /** The first pixel that any bin takes; 0 where none does. */
  readonly first: number;
  /** Pixels from the first to the last that a bin takes. */
  readonly count: number;
  /** `[bins, count]`: row by row the shares of those pixels; they add up to 1 but for what is outside. */
  readonly shares: Float64Array;
}

/**
 * RoIAlign along one axis (He et al. 2017, arXiv 1703.06870), with as many samples as a bin is long, as mmcv
 * and torchvision do it with `aligned` and a sampling ratio of 0: a bin of length `e` takes the mean of
 * `ceil(e)` samples, evenly spaced. A sample before -1 or behind the last pixel + 1 counts 0; else it is moved
 * to at least 0 and interpolated between its neighbours, of which the upper one is at most the last pixel. A
 * region without length takes nothing.
 *
 * @param start of the region, in pixels whose centres are whole numbers
 * @param extent length of the region
 * @param bins their number
 * @param size pixels along the axis
 */
export function axisWindow(start: number, extent: number, bins: number, size: number): AxisWindow {
  const grid = Math.ceil(extent / bins);
  if (!(grid > 0) || size === 0) return { first: 0, count: 0, shares: new Float64Array(0) };
  const step = extent / bins;
  const eachTap = (take: (bin: number, pixel: number, share: number) => void) => {
    for (let bin = 0; bin < bins; bin++) {
      // Only those that may be inside: a region can be far larger than the map.
      const from = Math.max(0, Math.floor(((-1 - start - bin * step) * grid) / step - 0.5));
      const to = Math.min(grid - 1, Math.ceil(((size - start - bin * step) * grid) / step - 0.5));
      for (let k = from; k <= to; k++) {
        const sample = start + bin * step + ((k + 0.5) * step) / grid;
        if (sample < -1 || sample > size) continue;
        const at = Math.max(0, sample);
        const low = Math.min(Math.floor(at), size - 1);
        const fraction = low === size - 1 ? 0 : at - low;
        take(bin, low, (1 - fraction) / grid);
        if (fraction > 0) take(bin, low + 1, fraction / grid);
      }
    }
  };
  let [first, last] = [Infinity, -1];
  eachTap((_, pixel) => {
    if (pixel < first) first = pixel;
    if (pixel > last) last = pixel;
  });
  if (last < 0) return { first: 0, count: 0, shares: new Float64Array(0) };
  const count = last - first + 1;
  const shares = new Float64Array(bins * count);
  eachTap((bin, pixel, share) => {
    const i = bin * count + pixel - first;
    shares[i] = (shares[i] as number) + share;
  });
  return { first, count, shares };
}

/**
 * Windows along both axes of a region of a map.
 *
 * @param box `x1, y1, x2, y2` in pixels of the image
 * @param scale pixels of the map over pixels of the image
 */
export function regionWindows(
  box: readonly [number, number, number, number],
  scale: number,
  bins: number,
  [height, width]: readonly [number, number],
): { rows: AxisWindow; columns: AxisWindow } {
  const [x1, y1, x2, y2] = box.map((edge) => edge * scale) as [number, number, number, number];
  return {
    rows: axisWindow(y1 - 0.5, y2 - y1, bins, height),
    columns: axisWindow(x1 - 0.5, x2 - x1, bins, width),
  };
}
