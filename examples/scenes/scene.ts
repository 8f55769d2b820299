/**
 * Scenes: items of Fashion-MNIST that lie on textured ground, with the class and the instance of every pixel.
 * A scene is a function of a seed and its number alone.
 */
import { type SeededRandom, seededRandom } from 'tfjs-revcol';
import { paintGround } from './ground';
import { type Item, ITEM_CLASSES, ITEM_SIDE, type Items } from './items';

/** Side of a scene, in pixels. */
export const SCENE_SIDE = 128;

/** Names by class of a pixel: the ground, then the items. */
export const SCENE_CLASSES: readonly string[] = ['ground', ...ITEM_CLASSES];

/** Seed of the scenes for testing, which are made of the items of the official test part. */
export const TEST_SEED = 2022;

/** How many scenes for testing there are. */
export const TEST_SCENES = 500;

/** Fewest and most items of a scene. */
const COUNT = [3, 8] as const;
/** Lowest and highest size of an item, by the picture's own. */
const SCALE = [0.7, 2] as const;
/** Most that an item is turned, to either side, in radians. */
const TURN = Math.PI / 4;
/** Least share of an item that later ones leave to be seen. */
const SEEN = 0.5;
/** Places that are tried for an item. */
const TRIES = 60;

/** An item of a scene; all of its pixels that are told of are those that can be seen. */
export interface SceneObject {
  /** Class of the item, 0..9; its pixels have that and one more. */
  readonly label: number;
  /** Number of the item's picture in its part. */
  readonly item: number;
  /** `[x1, y1, x2, y2]`, the last ones behind the last column and row. */
  readonly box: readonly [number, number, number, number];
  /** Pixels. */
  readonly area: number;
}

/** A scene, `SCENE_SIDE` in square. */
export interface Scene {
  /** RGB bytes, row by row. */
  readonly pixels: Uint8Array;
  /** Class of each pixel: 0 is the ground, an item's is its class and one more. */
  readonly labels: Uint8Array;
  /** Which object each pixel is of, by number from 1; 0 is the ground. */
  readonly instances: Uint8Array;
  /** The lowest first. */
  readonly objects: readonly SceneObject[];
}

/** Makes scene `index` of a seed. */
export function makeScene(items: Items, seed: number, index: number): Scene {
  const random = seededRandom(seed, index);
  const pixels = paintGround(SCENE_SIDE, random);
  const instances = new Uint8Array(SCENE_SIDE * SCENE_SIDE);
  const wanted = COUNT[0] + random.integer(COUNT[1] - COUNT[0] + 1);
  const placed: { item: Item; index: number; area: number }[] = [];
  while (placed.length < wanted) {
    const number = random.integer(items.count);
    const item = items.item(number);
    const shape = placeItem(item, instances, placed, random);
    // Where there is no room for as many as were wanted, those that lie there are all.
    if (!shape && placed.length >= COUNT[0]) break;
    if (!shape) continue;
    const tint = [0, 1, 2].map(() => random.between(0.35, 1));
    for (const { at, grey } of shape) {
      instances[at] = placed.length + 1;
      for (let c = 0; c < 3; c++) pixels[3 * at + c] = 20 + 0.92 * grey * (tint[c] as number);
    }
    placed.push({ item, index: number, area: shape.length });
  }
  const labels = instances.map((id) => (id === 0 ? 0 : (placed[id - 1]?.item.label ?? 0) + 1));
  const objects = placed.map(({ item, index: number }, i) => ({
    label: item.label,
    item: number,
    ...seenOf(instances, i + 1),
  }));
  return { pixels, labels, instances, objects };
}

/** A pixel of an item in a scene, and its grey value. */
interface Shaded {
  readonly at: number;
  readonly grey: number;
}

/** Finds a place that leaves enough of the items below; undefined where none of those tried does. */
function placeItem(
  item: Item,
  instances: Uint8Array,
  placed: readonly { area: number }[],
  random: SeededRandom,
): Shaded[] | undefined {
  const seen = new Uint32Array(placed.length);
  for (const id of instances) if (id > 0) (seen[id - 1] as number)++;
  for (let i = 0; i < TRIES; i++) {
    const shape = shapeOf(item, {
      x: random.between(0, SCENE_SIDE),
      y: random.between(0, SCENE_SIDE),
      scale: random.between(...SCALE),
      turn: random.between(-TURN, TURN),
    });
    if (!shape || shape.length === 0) continue;
    const left = seen.slice();
    for (const { at } of shape) {
      const id = instances[at] as number;
      if (id > 0) (left[id - 1] as number)--;
    }
    if (placed.every(({ area }, id) => (left[id] as number) >= SEEN * area)) return shape;
  }
  return undefined;
}

/** The pixels of an item that is scaled, turned and moved; undefined where it does not lie within the scene. */
function shapeOf(
  item: Item,
  { x, y, scale, turn }: { x: number; y: number; scale: number; turn: number },
): Shaded[] | undefined {
  const [cos, sin] = [Math.cos(turn) / scale, Math.sin(turn) / scale];
  const reach = Math.ceil((scale * ITEM_SIDE) / Math.SQRT2) + 1;
  const half = ITEM_SIDE / 2;
  const shape: Shaded[] = [];
  for (let row = Math.floor(y - reach); row <= y + reach; row++) {
    for (let column = Math.floor(x - reach); column <= x + reach; column++) {
      const dx = column + 0.5 - x;
      const dy = row + 0.5 - y;
      const u = half + dx * cos + dy * sin - 0.5;
      const v = half + dy * cos - dx * sin - 0.5;
      if (sampled(item.outline, u, v) < 0.5) continue;
      if (row < 0 || column < 0 || row >= SCENE_SIDE || column >= SCENE_SIDE) return undefined;
      shape.push({ at: SCENE_SIDE * row + column, grey: sampled(item.grey, u, v) });
    }
  }
  return shape;
}

/** The value of a pixel; 0 outside. */
function valueAt(values: Uint8Array, x: number, y: number): number {
  const isInside = x >= 0 && y >= 0 && x < ITEM_SIDE && y < ITEM_SIDE;
  return isInside ? (values[ITEM_SIDE * y + x] as number) : 0;
}

/** A value between pixels, bilinear; 0 outside. */
function sampled(values: Uint8Array, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  if (left < -1 || top < -1 || left >= ITEM_SIDE || top >= ITEM_SIDE) return 0;
  const u = x - left;
  const v = y - top;
  const upper = valueAt(values, left, top) * (1 - u) + valueAt(values, left + 1, top) * u;
  const lower = valueAt(values, left, top + 1) * (1 - u) + valueAt(values, left + 1, top + 1) * u;
  return upper * (1 - v) + lower * v;
}

/** What can be seen of an object. */
function seenOf(instances: Uint8Array, id: number): Pick<SceneObject, 'box' | 'area'> {
  let [x1, y1, x2, y2, area] = [SCENE_SIDE, SCENE_SIDE, 0, 0, 0];
  instances.forEach((own, at) => {
    if (own !== id) return;
    const [x, y] = [at % SCENE_SIDE, Math.floor(at / SCENE_SIDE)];
    [x1, y1] = [Math.min(x1, x), Math.min(y1, y)];
    [x2, y2] = [Math.max(x2, x + 1), Math.max(y2, y + 1)];
    area++;
  });
  return { box: [x1, y1, x2, y2], area };
}
