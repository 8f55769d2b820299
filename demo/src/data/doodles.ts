/** Doodles of ten kinds, drawn by a seeded generator: another bundled set, of which nothing is downloaded. */
import { seededRandom } from '../../../examples/shared/random';
import type { Pictures } from '../shared/pictures';

type Point = [x: number, y: number];
type Random = () => number;

const SIDE = 28;

/** A point on a circle around the middle; angles in turns. */
const around = (turn: number, radius: number): Point => [
  radius * Math.sin(2 * Math.PI * turn),
  -radius * Math.cos(2 * Math.PI * turn),
];

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

const polygon = (corners: number, radius = 1): Point[] =>
  range(corners + 1).map((i) => around(i / corners, radius));

/** Strokes of each kind, in a square from -1 to 1. */
const KINDS: Readonly<Record<string, (random: Random) => Point[][]>> = {
  circle: () => [polygon(24)],
  square: () => [polygon(4).map(([x, y]) => [(x - y) * 0.75, (x + y) * 0.75] as Point)],
  triangle: () => [polygon(3)],
  star: () => [range(6).map((i) => around((2 * i) / 5, 1))],
  cross: () => [
    [
      [-0.9, -0.9],
      [0.9, 0.9],
    ],
    [
      [0.9, -0.9],
      [-0.9, 0.9],
    ],
  ],
  spiral: () => [range(40).map((i) => around(i / 16, i / 39))],
  zigzag: (random) => {
    const corners = 5 + Math.floor(random() * 3);
    return [range(corners).map((i) => [(2 * i) / (corners - 1) - 1, i % 2 ? 0.6 : -0.6])];
  },
  house: () => [
    [
      [-0.7, 0.9],
      [-0.7, -0.1],
      [0, -0.9],
      [0.7, -0.1],
      [0.7, 0.9],
      [-0.7, 0.9],
    ],
    [
      [-0.7, -0.1],
      [0.7, -0.1],
    ],
  ],
  face: () => [
    polygon(24),
    ...[-0.35, 0.35].map((x): Point[] => [
      [x, -0.35],
      [x, -0.2],
    ]),
    range(9).map((i) => around(0.33 + (i / 8) * 0.34, 0.55)),
  ],
  sun: () => [polygon(16, 0.45), ...range(8).map((i) => [around(i / 8, 0.65), around(i / 8, 1)])],
};

export const DOODLES: readonly string[] = Object.keys(KINDS);

/** Turns, squeezes, moves and shakes strokes, as a hand does; into pixels. */
function byHand(strokes: Point[][], random: Random): Point[][] {
  const between = (least: number, most: number) => least + (most - least) * random();
  const turn = between(-0.4, 0.4);
  const [sin, cos] = [Math.sin(turn), Math.cos(turn)];
  const [sx, sy] = [between(7, 10.5), between(7, 10.5)];
  const [cx, cy] = [between(12.5, 15.5), between(12.5, 15.5)];
  const shake = () => between(-0.08, 0.08);
  return strokes.map((stroke) =>
    stroke.map(([x, y]): Point => {
      const [a, b] = [x + shake(), y + shake()];
      return [cx + sx * (cos * a - sin * b), cy + sy * (sin * a + cos * b)];
    }),
  );
}

function distance([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** White ink on black, smooth at its edges. */
function ink(strokes: Point[][], thickness: number, into: Uint8Array): void {
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      let nearest = Infinity;
      for (const stroke of strokes) {
        for (let i = 1; i < stroke.length; i++) {
          const [from, to] = [stroke[i - 1] as Point, stroke[i] as Point];
          nearest = Math.min(nearest, distance([x + 0.5, y + 0.5], from, to));
        }
      }
      into[y * SIDE + x] = 255 * Math.max(0, Math.min(1, thickness + 0.5 - nearest));
    }
  }
}

/** Draws doodles, the same for the same seed; kinds take turns. */
export function drawDoodles(count: number, seed: number): Pictures {
  const random = seededRandom(seed);
  const pixels = new Uint8Array(count * SIDE * SIDE);
  const labels = range(count).map((i) => i % DOODLES.length);
  labels.forEach((label, i) => {
    const strokes = (KINDS[DOODLES[label] as string] as (random: Random) => Point[][])(random);
    const thickness = 0.6 + 0.8 * random();
    const own = pixels.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
    ink(byHand(strokes, random), thickness, own);
  });
  return { pixels, side: SIDE, channels: 1, labels };
}
