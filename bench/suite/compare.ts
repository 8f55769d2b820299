/** Compares what contestants computed, before anything is timed. */
import { openCheckpoint } from 'tfjs-revcol';

/** How far a contestant's results are from the reference's, relative, the worst tensor of each kind. */
export interface Deviation {
  outputs: number;
  gradients: number;
}

/**
 * Largest deviations that are let pass. Gradients of reversible columns are taken at features that were
 * recovered, which rounds: anchors bound that to 1e-3 (src/ops/reversible/anchors.ts).
 */
export const TOLERANCE: Deviation = { outputs: 1e-4, gradients: 1e-3 };

/** Share of the norm of all gradients below which that of one weight counts as noise. */
const NOISE = 1e-3;

type Tensors = Map<string, Float32Array>;

async function readAll(file: string): Promise<Tensors> {
  const checkpoint = await openCheckpoint(file);
  try {
    const found: Tensors = new Map();
    for (const name of checkpoint.entries.keys()) found.set(name, await checkpoint.read(name));
    return found;
  } finally {
    await checkpoint.close();
  }
}

function norm(values: Float32Array, minus?: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += ((values[i] as number) - (minus ? (minus[i] as number) : 0)) ** 2;
  }
  return Math.sqrt(sum);
}

/** Updates of weights, which with a rate of 1 are the gradients; whatever is no weight stays. */
function withUpdates(tensors: Tensors, before: Tensors | null): Tensors {
  if (!before) return tensors;
  return new Map(
    [...tensors].map(([name, values]) => {
      const old = before.get(name);
      return [name, old ? values.map((v, i) => v - (old[i] as number)) : values];
    }),
  );
}

/**
 * The worst relative deviation of two files of tensors: `norm(a - b) / norm(b)` of each. A gradient that
 * is zero but for rounding counts against all gradients together.
 *
 * @param weights file of the weights before a step was taken; null where none was
 * @throws {Error} when the files do not hold the same tensors, or one holds a value that is no number
 */
export async function deviation(
  file: string,
  referenceFile: string,
  weights: string | null,
): Promise<Deviation> {
  const before = weights ? await readAll(weights) : null;
  const [got, expected] = [
    withUpdates(await readAll(file), before),
    withUpdates(await readAll(referenceFile), before),
  ];
  const names = [...expected.keys()].sort();
  const given = [...got.keys()].sort();
  if (names.join() !== given.join()) {
    const odd = names.find((n) => !got.has(n)) ?? given.find((n) => !expected.has(n));
    throw new Error(`one of both has no tensor ${odd}`);
  }
  const gradients = before ? names.filter((name) => before.has(name)) : [];
  const total = Math.hypot(...gradients.map((n) => norm(expected.get(n) as Float32Array)));
  const worst: Deviation = { outputs: 0, gradients: 0 };
  for (const name of names) {
    const [a, b] = [got.get(name) as Float32Array, expected.get(name) as Float32Array];
    if (a.length !== b.length) throw new Error(`${name} has ${a.length} values, not ${b.length}`);
    // Operations write their gradients as such.
    const isGradient = before?.has(name) === true || name.startsWith('d ');
    const floor = before?.has(name) ? NOISE * total : 0;
    const error = norm(a, b) / Math.max(norm(b), floor, Number.MIN_VALUE);
    if (Number.isNaN(error)) throw new Error(`${name} holds a value that is no number`);
    const kind = isGradient ? 'gradients' : 'outputs';
    worst[kind] = Math.max(worst[kind], error);
  }
  return worst;
}
