/** Checks of the arguments that columns take. Each throws and says what to do. */
import { requireInteger, shown } from '../../common/arguments';

/** Asserts a spacing of anchors. */
export function requireSpacing(owner: string, value: unknown): void {
  if (value === 'auto' || value === Infinity || (Number.isInteger(value) && Number(value) >= 1)) {
    return;
  }
  throw new Error(
    `${owner}: anchorEvery is ${shown(value)}; expected an integer of at least 1, Infinity or 'auto'`,
  );
}

/** Asserts that levels are equally wide, which fusions without projections need. */
export function requireOneWidth(owner: string, channels: readonly number[]): void {
  const level = channels.findIndex((c) => c !== channels[0]);
  if (level < 0) return;
  throw new Error(
    `${owner}: fusion is 'norm', a LayerNorm alone, but level ${level} has ${channels[level]} channels and ` +
      `level 0 has ${channels[0]}; give channels of one width, or leave fusion out`,
  );
}

/** Asserts `channels` and `depths` of equal length, at least 2 levels. */
export function requireLevels(owner: string, channels: unknown, depths: unknown): void {
  if (!Array.isArray(channels) || !Array.isArray(depths)) {
    throw new Error(`${owner}: channels and depths must be arrays with one number per level`);
  }
  if (channels.length !== depths.length) {
    throw new Error(
      `${owner}: channels has ${channels.length} levels and depths ${depths.length}; give both ` +
        `one number per level`,
    );
  }
  if (channels.length < 2) {
    throw new Error(`${owner}: ${channels.length} level given; a column needs at least 2`);
  }
  channels.forEach((c, l) => requireInteger(owner, `channels[${l}]`, c, 1));
  depths.forEach((d, l) => requireInteger(owner, `depths[${l}]`, d, 0));
}
