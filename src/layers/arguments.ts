/** Checks of layer arguments, shared by all layers. Each throws with what to do. */

type Shape = (number | null)[];

/** A shape as text: `[null, 32, 32, 3]`. */
export function show(shape: readonly (number | null)[] | readonly Shape[] | undefined): string {
  return JSON.stringify(shape ?? null).replace(/,/g, ', ');
}

/** Asserts a whole number of at least `least`. */
export function requireInteger(owner: string, name: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new Error(`${owner}: ${name} is ${String(value)}; expected a whole number from ${least}`);
}

/** Asserts a spacing of anchors. */
export function requireSpacing(owner: string, value: unknown): void {
  if (value === 'auto' || value === Infinity || (Number.isInteger(value) && Number(value) >= 1)) {
    return;
  }
  throw new Error(
    `${owner}: anchorEvery is ${String(value)}; expected a whole number from 1, Infinity or 'auto'`,
  );
}

/** Asserts a rate in [0, 1). */
export function requireRate(owner: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value < 1) return;
  throw new Error(`${owner}: ${name} is ${String(value)}; expected a number in [0, 1)`);
}

/** Asserts one of a list of strings. */
export function requireOneOf(
  owner: string,
  name: string,
  value: unknown,
  allowed: readonly string[],
): void {
  if (allowed.includes(value as string)) return;
  const list = allowed.map((a) => `'${a}'`).join(', ');
  throw new Error(`${owner}: ${name} is ${JSON.stringify(value)}; expected one of ${list}`);
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

/** One shape or several, as a list. */
export function toShapes(shape: Shape | Shape[]): Shape[] {
  return Array.isArray(shape[0]) ? (shape as Shape[]) : [shape as Shape];
}
