/** Names and colours of classes, as checkpoints hold them beside the weights. */

import { PickleDict, type PickleValue } from './pickle/values';
import { type PickledValue, TupleToPickle } from './pickle/writer';

/** Red, green and blue, 0..255. */
type Colour = readonly [number, number, number];

/** What a checkpoint says of its classes. */
export interface LabelMetadata {
  /** Names of the classes. */
  readonly classes?: readonly string[];
  /** Colour of each class. */
  readonly palette?: readonly Colour[];
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === 'string');
}

function isColours(value: unknown): value is Colour[] {
  const isByte = (v: unknown) => Number.isInteger(v) && Number(v) >= 0 && Number(v) <= 255;
  const isColour = (v: unknown) => Array.isArray(v) && v.length === 3 && v.every(isByte);
  return Array.isArray(value) && value.length > 0 && value.every(isColour);
}

/** A value under the first of several keys that there is. */
function under(dict: PickleValue | undefined, ...keys: string[]): PickleValue | undefined {
  if (!(dict instanceof PickleDict)) return undefined;
  return keys.map((key) => dict.get(key)).find((value) => value !== undefined);
}

/**
 * Reads what OpenMMLab's files say under `meta` (`CLASSES` and `PALETTE`; `dataset_meta` in those of
 * mmengine), or a safetensors header under `classes` and `palette`, as JSON. What has another form is
 * left out.
 */
export function readLabels(metadata: ReadonlyMap<string, PickleValue>): LabelMetadata {
  const meta = metadata.get('meta');
  const inner = under(meta, 'dataset_meta') ?? meta;
  const classes = under(inner, 'CLASSES', 'classes') ?? fromJson(metadata.get('classes'));
  const palette = under(inner, 'PALETTE', 'palette') ?? fromJson(metadata.get('palette'));
  return {
    ...(isNames(classes) ? { classes: [...classes] } : {}),
    ...(isColours(palette) ? { palette: palette.map(([r, g, b]) => [r, g, b] as const) } : {}),
  };
}

function fromJson(text: PickleValue | undefined): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same as strings for a safetensors header. */
export function labelStrings({ classes, palette }: LabelMetadata): Record<string, string> {
  return {
    ...(classes ? { classes: JSON.stringify(classes) } : {}),
    ...(palette ? { palette: JSON.stringify(palette) } : {}),
  };
}

/** The same as OpenMMLab's `meta`, beside other strings. */
export function openMMLabMeta(
  { classes, palette }: LabelMetadata,
  others: Readonly<Record<string, string>>,
): PickledValue {
  return {
    ...others,
    ...(classes ? { CLASSES: new TupleToPickle(classes) } : {}),
    ...(palette ? { PALETTE: palette.map((colour) => [...colour]) } : {}),
  };
}

/**
 * Asserts names and colours that can be written.
 *
 * @throws {Error} when the names are no list of strings, the colours no list of three bytes each, or there
 *   are not as many
 */
export function requireLabels(owner: string, { classes, palette }: LabelMetadata): void {
  if (classes !== undefined && !isNames(classes)) {
    throw new Error(`${owner}: classes has to be a list of names, one per class`);
  }
  if (palette !== undefined && !isColours(palette)) {
    throw new Error(
      `${owner}: palette has to be a list of [red, green, blue] in 0..255, one per class`,
    );
  }
  if (!classes || !palette || classes.length === palette.length) return;
  throw new Error(
    `${owner}: ${classes.length} classes and ${palette.length} colours in palette; expected one for each`,
  );
}
