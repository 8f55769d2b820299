/** Moments of AdamW in bytes: which weights have them, and their update. */
import * as tf from '@tensorflow/tfjs-core';

import { runKernel } from '../ops/engine/kernel';
import { readAtOnce } from '../ops/engine/lost_backend';
import { ADAMW_8BIT } from '../ops/kernels/contract';
import { type AttributesOf, hasKernel } from '../ops/kernels/fused';
import type { StateForm } from './state_layout';
import type { Slots } from './weight_states';
import type { WeightUpdate } from './weight_update';

/** Numbers that share a scale. */
const BLOCK = 256;

/** Weights of fewer numbers keep float32: they take little, and are norms and biases above all. */
const LEAST_SIZE = 4096;

const scales = (size: number) => Math.ceil(size / BLOCK);

/** Codes in bytes, which tfjs calls bool, in the weight's shape, and one scale per block. */
export const MOMENTS_8BIT: StateForm = {
  dtypes: { m8: 'bool', mScale: 'float32', v8: 'bool', vScale: 'float32' },
  weightShape: ({ m8, mScale, v8, vScale }) => {
    if (!m8 || m8.shape.join() !== v8?.shape.join()) return null;
    const expected = String([scales(m8.size)]);
    return [mScale, vScale].every((s) => s?.shape.join() === expected) ? m8.shape : null;
  },
};

/** @throws {Error} when the backend in use has no kernel for 8-bit moments */
export function requireMoments8bit(): void {
  if (hasKernel(ADAMW_8BIT)) return;
  throw new Error(
    `AdamW: moments '8bit' need a kernel that backend '${tf.getBackend()}' does not have; only wasm ` +
      `and tensorflow have. Here Adafactor keeps next to nothing for a weight, SGD nothing, and Lion half ` +
      `of what AdamW with moments 'float32' does`,
  );
}

/** Whether a weight's moments are kept in bytes. Embeddings' are not: few rows change in a step. */
export function takesMoments8bit({ name, size }: Pick<tf.Variable, 'name' | 'size'>): boolean {
  return size >= LEAST_SIZE && !/(^|\/|_)embeddings?(_\d+)*$/.test(name);
}

/**
 * Updates a weight; its moments are overwritten, but not what others have copied or read of them.
 *
 * @param factors of the kernel
 * @returns the moments
 */
export function updateMoments8bit(
  { variable, gradient, slots }: WeightUpdate,
  factors: AttributesOf<typeof ADAMW_8BIT>,
): Slots {
  const kept = slots ?? fresh(variable);
  const { m8, mScale, v8, vScale } = kept as Record<keyof typeof MOMENTS_8BIT.dtypes, tf.Variable>;
  try {
    for (const moment of Object.values(kept)) unshare(moment);
    const inputs = { weight: variable, gradient, m: m8, mScale, v: v8, vScale };
    variable.assign(runKernel(ADAMW_8BIT.name, inputs as tf.NamedTensorMap, factors));
  } catch (error) {
    if (!slots) tf.dispose(Object.values(kept));
    throw error;
  }
  return kept;
}

/** Moments of 0: by scales of 0 every code stands for that. */
function fresh({ shape, size }: tf.Variable): Slots {
  const zeros = tf.tidy(() => [
    tf.zeros(shape, 'bool'),
    tf.zeros([scales(size)]),
    tf.zeros(shape, 'bool'),
    tf.zeros([scales(size)]),
  ]);
  const variables = zeros.map((t) => tf.variable(t, false));
  tf.dispose(zeros);
  const [m8, mScale, v8, vScale] = variables as [
    tf.Variable,
    tf.Variable,
    tf.Variable,
    tf.Variable,
  ];
  return { m8, mScale, v8, vScale };
}

/** Whoever has cloned what is about to be overwritten shares its data on some backends. */
function unshare(variable: tf.Variable): void {
  if (tf.backend().refCount(variable.dataId) < 2) return;
  const values = readAtOnce(variable).slice() as tf.TypedArray;
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape, variable.dtype)));
}
