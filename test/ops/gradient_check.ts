/** Checks of hand-written gradients: against tfjs's own, and against finite differences. */
import * as tf from '@tensorflow/tfjs';

import { expectClose } from '../support/backends';
import { normals, normalTensor } from '../support/training_step';

/** A differentiable function of tensors. */
export type TensorFunction = (...xs: tf.Tensor[]) => tf.Tensor;

/** Gradients of `sum(f(xs) * dy)` by the tape. */
export function tapeGradients(f: TensorFunction, xs: tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  const { grads } = tf.engine().gradients(() => f(...xs), xs, dy, true);
  return grads.map((g, i) => (g as tf.Tensor | undefined) ?? tf.zerosLike(xs[i] as tf.Tensor));
}

/** Length of a step to either side. Curvature's share of the slope is of the order of its square. */
const STEP = 1e-2;
/** Of float32 values over the step, and of curvature. */
const DIFFERENCE = 1e-3;

/** `sum(f(xs) * dy)`, summed in double precision. */
function projected(f: TensorFunction, xs: tf.Tensor[], dy: Float32Array): number {
  const values = tf.tidy(() => f(...xs).dataSync()) as Float32Array;
  return values.reduce((sum, v, i) => sum + v * (dy[i] as number), 0);
}

/** Compares gradients with central differences in two random directions per input. */
export function expectSlopes(
  f: TensorFunction,
  xs: tf.Tensor[],
  gradients: tf.Tensor[],
  dy: tf.Tensor,
): void {
  const weights = dy.dataSync() as Float32Array;
  xs.forEach((x, i) => {
    const gradient = (gradients[i] as tf.Tensor).dataSync();
    for (const seed of [1, 2]) {
      const raw = normals(100 * seed + i, x.size);
      const length = Math.hypot(...raw);
      const direction = raw.map((v) => v / length);
      const at = (side: number) =>
        tf.tidy(() => {
          const moved = tf.add(x, tf.mul(tf.tensor(direction, x.shape), side * STEP));
          return projected(f, [...xs.slice(0, i), moved, ...xs.slice(i + 1)], weights);
        });
      const measured = (at(1) - at(-1)) / (2 * STEP);
      const slope = direction.reduce((sum, v, k) => sum + v * (gradient[k] as number), 0);
      const scale = Math.max(1, Math.hypot(...gradient));
      expect({
        input: i,
        seed,
        error: Math.abs(measured - slope) / scale <= DIFFERENCE || [measured, slope],
      }).toEqual({ input: i, seed, error: true });
    }
  });
}

export interface GradientCase {
  name: string;
  op: TensorFunction;
  /** The same in stock operations; absent where the backend cannot differentiate them. */
  plain?: TensorFunction | undefined;
  shapes: number[][];
}

/** Checks value and gradients of an operation, in a tidy of the caller's. */
export function checkGradients({ op, plain, shapes }: GradientCase): void {
  const xs = shapes.map((shape, i) => normalTensor(shape, 1 + i));
  const value = op(...xs);
  const dy = normalTensor(value.shape, 50);
  const gradients = tapeGradients(op, xs, dy);
  gradients.forEach((g, i) => expect(g.shape).toEqual(shapes[i]));
  if (plain) {
    expectClose(value, plain(...xs), 1e-5, 'value');
    const expected = tapeGradients(plain, xs, dy);
    gradients.forEach((g, i) => expectClose(g, expected[i] as tf.Tensor, 1e-5, `gradient ${i}`));
  }
  expectSlopes(op, xs, gradients, dy);
}
