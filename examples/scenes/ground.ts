/** The ground of a scene: two colours in soft patches, stripes across them, and grain. */
import type { SeededRandom } from 'tfjs-revcol';

/**
 * Paints the ground.
 *
 * @param side of the scene, in pixels
 * @returns RGB bytes, row by row
 */
export function paintGround(side: number, random: SeededRandom): Uint8Array {
  const first = [0, 1, 2].map(() => random.between(20, 200));
  const second = first.map((value) => value + random.between(-70, 70));
  const cells = 2 + random.integer(5);
  const patches = Float64Array.from({ length: (cells + 1) ** 2 }, () => random.uniform());
  const angle = random.between(0, Math.PI);
  const [across, down] = [Math.cos(angle), Math.sin(angle)];
  const wave = random.between(4, 24);
  const strength = random.between(0, 25);
  const grain = random.between(2, 14);
  const pixels = new Uint8ClampedArray(3 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const share = patchAt(patches, cells, (cells * x) / side, (cells * y) / side);
      const stripe = strength * Math.sin((2 * Math.PI * (x * across + y * down)) / wave);
      const noise = stripe + random.between(-grain, grain);
      for (let c = 0; c < 3; c++) {
        const [a, b] = [first[c] as number, second[c] as number];
        pixels[3 * (y * side + x) + c] = a + (b - a) * share + noise;
      }
    }
  }
  return new Uint8Array(pixels.buffer);
}

/** A smooth value between those at the corners of a cell. */
function patchAt(patches: Float64Array, cells: number, x: number, y: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const u = eased(x - left);
  const v = eased(y - top);
  const above = (cells + 1) * top + left;
  const below = above + cells + 1;
  const upper = (patches[above] as number) * (1 - u) + (patches[above + 1] as number) * u;
  const lower = (patches[below] as number) * (1 - u) + (patches[below + 1] as number) * u;
  return upper * (1 - v) + lower * v;
}

/** From 0 to 1 without a bend at either end. */
function eased(t: number): number {
  return t * t * (3 - 2 * t);
}
