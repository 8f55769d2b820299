/**
 * Every gradient that tfjs's operations reach on wasm, on random shapes and attributes, against finite
 * differences and backend cpu. `REVCOL_RUNS` programs of each kind are tried; default 3.
 */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { BACKENDS, expectNoLeak, relativeError, useBackend } from '../../support/backends';
import {
  type Case,
  type Choices,
  choicesOf,
  type Input,
  PLAIN_PROGRAMS,
} from './gradient_programs';
import { IMAGE_PROGRAMS } from './image_programs';

const RUNS = Number(process.env.REVCOL_RUNS ?? 3);

function valuesOf(c: Choices, { shape, low, high, spread }: Input): Float32Array {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  const step = (high - low) / values.length;
  for (let i = 0; i < values.length; i++) {
    values[i] = spread ? low + (i + 0.5) * step : c.between(low, high);
  }
  if (spread) {
    for (let i = values.length - 1; i > 0; i--) {
      const j = c.int(0, i);
      [values[i], values[j]] = [values[j] as number, values[i] as number];
    }
  }
  return values;
}

/** One program with its values. The same seed makes the same on every backend. */
function build({ make }: Case, seed: number) {
  const c = choicesOf(seed);
  const program = make(c);
  const values = program.inputs.map((one) => valuesOf(c, one));
  const shapes = program.inputs.map(({ shape }) => shape);
  const at = (data: readonly Float32Array[]) => data.map((v, i) => tf.tensor(v, shapes[i]));
  const output = (data = values) =>
    tf.tidy(() => {
      const y = program.run(...at(data));
      return { values: Float32Array.from(y.dataSync()), shape: y.shape };
    });
  const { shape } = output();
  const dy = valuesOf(c, { shape, low: -1, high: 1 });
  const gradients = () =>
    tf.tidy(() => {
      const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(program.run(...xs), tf.tensor(dy, shape)));
      return tf
        .grads(loss)(at(values))
        .map((g) => Float32Array.from(g.dataSync()));
    });
  return { values, output, dy, gradients };
}

/** Frees memory with values in it, so that a kernel that does not clear its output is found out. */
function dirtyTheHeap(): void {
  tf.dispose(Array.from({ length: 30 }, (_, i) => tf.fill([1 + ((i * 37) % 600)], 1000 + i)));
}

/**
 * Derivative of the program on backend cpu along a random direction, and that which `gradients` give;
 * undefined at a kink.
 */
function derivatives(built: ReturnType<typeof build>, gradients: Float32Array[], seed: number) {
  const c = choicesOf(seed + 1);
  const direction = built.values.map((v) => v.map(() => c.between(-1, 1)));
  const loss = (step: number) => {
    const moved = built.values.map((v, i) => v.map((x, j) => x + step * (direction[i]?.[j] ?? 0)));
    return built.output(moved).values.reduce((sum, y, i) => sum + y * (built.dy[i] as number), 0);
  };
  let [expected, size] = [0, 0];
  gradients.forEach((g, i) =>
    g.forEach((value, j) => {
      const part = value * (direction[i]?.[j] ?? 0);
      expected += part;
      size += part * part;
    }),
  );
  const scale = Math.sqrt(size) + Math.abs(expected);
  const h = 2e-3;
  const [before, here, after] = [loss(-h), loss(0), loss(h)];
  // At a kink the slopes of both sides differ; what they differ by elsewhere is curvature.
  const bend = Math.abs(after - 2 * here + before) / h;
  if (bend > 0.05 * scale + 2e-2) return undefined;
  return { found: (after - before) / (2 * h), expected, bound: 0.02 * scale + 1e-2 };
}

const onWasm = BACKENDS.includes('wasm') && BACKENDS.includes('cpu') ? describe : describe.skip;

onWasm('gradients of tfjs operations on wasm', () => {
  afterAll(() => useBackend('cpu'));

  test.each([...PLAIN_PROGRAMS, ...IMAGE_PROGRAMS].map((one) => [one.name, one] as const))(
    '%s',
    async (_, one) => {
      let checked = 0;
      for (let run = 0; run < RUNS; run++) {
        const seed = 1000 * run + one.name.length;
        await useBackend('cpu');
        const onCpu = build(one, seed);
        const forward = onCpu.output();
        const reference = one.cpuIsWrong == null ? onCpu.gradients() : undefined;

        await useBackend('wasm');
        const built = build(one, seed);
        dirtyTheHeap();
        const got = await expectNoLeak(built.output);
        expect(got.shape).toEqual(forward.shape);
        expect(relativeError(got.values, forward.values)).toBeLessThan(1e-5);
        const gradients = await expectNoLeak(built.gradients);
        dirtyTheHeap();
        const again = built.gradients();
        gradients.forEach((g, i) => {
          expect(relativeError(again[i] as Float32Array, g)).toBeLessThan(1e-7);
          const exact = reference?.[i];
          if (exact) expect(relativeError(g, exact)).toBeLessThan(2e-5);
        });

        await useBackend('cpu');
        const slopes = one.convention == null && derivatives(onCpu, gradients, seed);
        if (!slopes) continue;
        checked++;
        expect(Math.abs(slopes.found - slopes.expected)).toBeLessThan(slopes.bound);
      }
      // A kink in the way of every run would leave finite differences unused.
      if (one.convention == null) expect(checked).toBeGreaterThan(0);
    },
  );
});
