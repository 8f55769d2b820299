/** Checks of arguments that every room makes. Each throws and says what to do. */

type Shape = (number | null)[];

/** A shape as text: `[null, 32, 32, 3]`. */
export function show(shape: readonly (number | null)[] | readonly Shape[] | undefined): string {
  return JSON.stringify(shape ?? null).replace(/,/g, ', ');
}

/** Any value in a few words, for messages: `"text"`, `[1, 2]`, `a tensor of shape [2, 3]`, `a function`. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return value.name ? `a function ${value.name}` : 'a function';
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }
  const { shape, dtype } = value as { shape?: unknown; dtype?: unknown };
  if (Array.isArray(shape) && dtype !== undefined) return `a tensor of shape ${show(shape)}`;
  const kind = Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null;
  const name = kind?.constructor?.name ?? 'Object';
  if (name === 'RegExp') return String(value);
  if (name !== 'Object' && !Array.isArray(value)) return `a ${name}`;
  const text = textOf(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** As JSON, with a space behind each comma; what JSON does not take by its kind. */
function textOf(value: object): string {
  try {
    return JSON.stringify(value).replace(/,/g, ', ');
  } catch {
    return Array.isArray(value) ? 'an array' : 'an object';
  }
}

/** A number with the range that it must be in. */
export type Range = readonly [name: string, value: number, fits: boolean, range: string];

/**
 * Asserts that numbers are finite and in their ranges.
 *
 * @throws {Error} for the first that is not
 */
export function requireRanges(owner: string, ranges: readonly Range[]): void {
  for (const [name, value, fits, range] of ranges) {
    if (fits && Number.isFinite(value)) continue;
    throw new Error(`${owner}: ${name} is ${shown(value)}; expected a number ${range}`);
  }
}

/** Asserts what an argument is, where what comes of another would be no sentence. */
export function requireArgument(
  owner: string,
  name: string,
  value: unknown,
  fits: boolean,
  expected: string,
): void {
  if (!fits) throw new Error(`${owner}: ${name} is ${shown(value)}; expected ${expected}`);
}

/** Asserts a model of layers. */
export function requireModel(owner: string, model: unknown): void {
  const { weights, layers } = (model ?? {}) as { weights?: unknown; layers?: unknown };
  const fits = Array.isArray(weights) && (layers === undefined || Array.isArray(layers));
  requireArgument(owner, 'model', model, fits, 'a tf.LayersModel, such as createModel gives');
}

/** Asserts a function. */
export function requireFunction(owner: string, name: string, value: unknown): void {
  requireArgument(owner, name, value, typeof value === 'function', 'a function');
}

/** Asserts a list. */
export function requireList(owner: string, name: string, value: unknown, of: string): void {
  requireArgument(owner, name, value, Array.isArray(value), `a list of ${of}`);
}

/** Asserts a whole number of at least `least`. */
export function requireInteger(owner: string, name: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new Error(`${owner}: ${name} is ${shown(value)}; expected an integer of at least ${least}`);
}

/** Asserts a rate in [0, 1). */
export function requireRate(owner: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value < 1) return;
  throw new Error(`${owner}: ${name} is ${shown(value)}; expected a number in [0, 1)`);
}

/** Asserts a standard deviation: finite, from 0. */
export function requireDeviation(owner: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value < Infinity) return;
  throw new Error(`${owner}: ${name} is ${shown(value)}; expected a number from 0`);
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
  throw new Error(`${owner}: ${name} is ${shown(value)}; expected one of ${list}`);
}

/**
 * Asserts the shape of images without a batch axis, `[height, width, channels]`; null for a size that is
 * left open.
 */
export function requireImageShape(owner: string, name: string, value: unknown): void {
  const sides: unknown[] = Array.isArray(value) ? Array.from(value as unknown[]) : [];
  const isSide = (side: unknown) => side === null || (Number.isInteger(side) && Number(side) >= 1);
  if (sides.length === 3 && sides.every(isSide)) return;
  const hasBatch = sides.length === 4 && sides.every(isSide);
  throw new Error(
    `${owner}: ${name} is ${shown(value)}; expected [height, width, channels]` +
      (hasBatch ? `; leave the batch axis out: ${show(sides.slice(1) as Shape)}` : ', in pixels'),
  );
}

/** Asserts `[height, width]` of an image, or that with channels behind, and gives the two. */
export function requireSides(owner: string, name: string, value: unknown): [number, number] {
  const [height, width] = (Array.isArray(value) ? value : []) as unknown[];
  if ([height, width].every((side) => Number.isInteger(side) && Number(side) >= 1)) {
    return [height as number, width as number];
  }
  throw new Error(
    `${owner}: ${name} is ${shown(value)}; expected [height, width] in pixels, for example ` +
      `[224, 224]`,
  );
}
