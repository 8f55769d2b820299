/** Seeded damage to files. */

/** A small random generator with a seed (mulberry32): uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers at which size checks break. */
const EXTREMES = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

/** A copy of `file` with one to four pieces of damage, often where structure is. */
export function mutate(file: Uint8Array, random: () => number): Uint8Array {
  let bytes = file.slice();
  const below = (n: number): number => Math.floor(random() * n);
  // Headers, pickles and zip directories stand at both ends.
  const place = (): number => {
    const where = random();
    const edge = Math.min(bytes.length, 1500);
    if (where < 0.4) return below(edge);
    if (where < 0.7) return bytes.length - 1 - below(edge);
    return below(bytes.length);
  };
  for (let damage = 1 + below(4); damage > 0 && bytes.length > 0; damage--) {
    const at = place();
    switch (below(7)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = below(256);
        break;
      case 2: {
        const view = new DataView(new ArrayBuffer(8));
        view.setBigUint64(0, EXTREMES[below(EXTREMES.length)] as bigint, true);
        const width = 1 << below(4);
        bytes.set(new Uint8Array(view.buffer, 0, Math.min(width, bytes.length - at)), at);
        break;
      }
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4: {
        const length = Math.min(1 + below(64), bytes.length - at);
        bytes = concat(bytes.subarray(0, at), bytes.subarray(at + length));
        break;
      }
      case 5: {
        const from = place();
        const copied = bytes.slice(from, from + 1 + below(64));
        bytes = concat(bytes.subarray(0, at), copied, bytes.subarray(at));
        break;
      }
      default: {
        const from = place();
        bytes.set(bytes.slice(from, Math.min(from + 1 + below(64), from + bytes.length - at)), at);
      }
    }
  }
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
