/** Masks in the forms of COCO's JSON: run lengths, as text or as numbers, and polygons. */
import { shown } from '../common/arguments';
import { messageOf } from '../common/messages';
import { packCounts, unpackCounts } from './compressed_counts';
import { MOST_COORDINATE, type Ring, runsOfPolygon } from './polygon';
import { type Runs, runsByEnds } from './runs';

/** A mask as run lengths, as COCO's JSON has it. */
export interface RunLengths {
  /** `[height, width]` in pixels. */
  readonly size: readonly [height: number, width: number];
  /**
   * Lengths of runs column by column from the top left, first of what is not set: as numbers, or in
   * pycocotools' text, which is some four times shorter.
   */
  readonly counts: string | readonly number[];
}

/** A mask in COCO's JSON: run lengths, or polygons `[x, y, x, y, ...]`, of which the union is meant. */
export type CocoSegmentation = RunLengths | readonly (readonly number[])[];

/** A mask pixel by pixel. */
export interface BinaryMask {
  readonly width: number;
  readonly height: number;
  /** Row by row from the top left; 0 where it is not set. */
  readonly data: Uint8Array;
}

/** Most pixels of a mask: lengths are 32-bit integers. */
const MOST_PIXELS = 2 ** 32 - 1;

/**
 * Asserts height and width of a mask.
 *
 * @throws {Error} when they are no whole numbers from 1, or more pixels than run lengths can count
 */
export function requireMaskSize(owner: string, name: string, size: unknown): [number, number] {
  const [height, width] = (Array.isArray(size) ? size : []) as unknown[];
  const isSize = [height, width].every((side) => Number.isInteger(side) && Number(side) >= 1);
  if (isSize && Number(height) * Number(width) <= MOST_PIXELS)
    return [Number(height), Number(width)];
  throw new Error(
    `${owner}: ${name} is ${shown(size)}; expected [height, width] in pixels, at most ${MOST_PIXELS} of them`,
  );
}

/**
 * Reads run lengths.
 *
 * @throws {Error} when they are malformed or do not add up to the size
 */
export function readRunLengths(owner: string, name: string, mask: unknown): Runs {
  const { size, counts } = (mask ?? {}) as Partial<RunLengths>;
  if (typeof counts !== 'string' && !isNumbers(counts)) {
    throw new Error(
      `${owner}: ${name} is ${shown(mask)}; expected run lengths { size: [height, width], counts }, with ` +
        'counts as numbers or as text',
    );
  }
  const [height, width] = requireMaskSize(owner, `the size of ${name}`, size);
  let lengths: ArrayLike<number>;
  try {
    lengths = typeof counts === 'string' ? unpackCounts(counts) : counts;
  } catch (error) {
    throw new Error(`${owner}: the counts of ${name} are damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const ends = new Float64Array(lengths.length);
  let total = 0;
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i] as number;
    if (!(Number.isInteger(length) && length >= 0)) {
      throw new Error(
        `${owner}: the counts of ${name} have a length of ${shown(length)}; expected whole numbers from 0`,
      );
    }
    total += length;
    ends[i] = total;
  }
  if (total !== height * width) {
    throw new Error(
      `${owner}: the counts of ${name} add up to ${total} pixels; expected ${height * width}, ${height} rows ` +
        `of ${width}`,
    );
  }
  return runsByEnds(height, width, ends);
}

/** Whether something is a list or typed array, of whatever realm. */
function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
}

/**
 * Asserts polygons.
 *
 * @throws {Error} when there is none, or one has less than three corners or a coordinate that is no number
 */
export function requirePolygons(
  owner: string,
  name: string,
  polygons: unknown,
): asserts polygons is readonly Ring[] {
  const given: unknown[] = Array.isArray(polygons) ? polygons : [];
  const expected = 'expected polygons [x, y, x, y, ...] in pixels, each of three corners or more';
  if (given.length === 0) {
    throw new Error(`${owner}: ${name} is ${shown(polygons)}; ${expected}`);
  }
  for (const ring of given) {
    if (!Array.isArray(ring) || ring.length < 6 || ring.length % 2 === 1) {
      throw new Error(`${owner}: ${name} has a polygon ${shown(ring)}; ${expected}`);
    }
    const isPlace = (value: unknown) =>
      typeof value === 'number' && Math.abs(value) <= MOST_COORDINATE;
    const wrong = ring.findIndex((value) => !isPlace(value));
    if (wrong < 0) continue;
    throw new Error(
      `${owner}: ${name} has a corner with the coordinate ${shown(ring[wrong])}; expected numbers of pixels, ` +
        `at most ${MOST_COORDINATE}`,
    );
  }
}

/**
 * Reads a mask of whatever form.
 *
 * @param size height and width that it must have; polygons have none of their own
 * @throws {Error} when it is malformed or of another size
 */
export function readSegmentation(
  owner: string,
  name: string,
  segmentation: unknown,
  [height, width]: readonly [number, number],
): Runs {
  if (Array.isArray(segmentation)) {
    requirePolygons(owner, name, segmentation);
    return runsOfPolygon(height, width, segmentation);
  }
  const runs = readRunLengths(owner, name, segmentation);
  if (runs.height === height && runs.width === width) return runs;
  throw new Error(
    `${owner}: ${name} is of ${runs.width} x ${runs.height} pixels; expected ${width} x ${height}, as its ` +
      'picture',
  );
}

/** Run lengths as text. */
export function packRuns({ height, width, counts }: Runs): RunLengths {
  return { size: [height, width], counts: packCounts(counts) };
}
