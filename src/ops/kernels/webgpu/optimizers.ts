/** Steps of optimizers on webgpu, each one program. */
import type * as tf from '@tensorflow/tfjs-core';

import { ADAMW, DESCENT } from '../contract';
import { requireAlike } from '../graphics';
import { webgpuKernel } from './backend';
import { elementwise, runElementwise, runExpression } from './elementwise';

const DOWN = elementwise({
  name: 'descent',
  inputs: ['W', 'G'],
  expressions: ['W - (G + W * decay) * rate'],
  numbers: ['rate', 'decay'],
});

export const descent = webgpuKernel(DESCENT, (backend, { weight, gradient }, attributes) => {
  requireAlike(DESCENT, 'webgpu', [weight, gradient]);
  return runExpression(backend, DOWN, [weight, gradient], attributes);
});

/** The moments come first, so that the weight can use them. They begin with their shares of the gradient. */
const step = (isFirst: boolean) =>
  elementwise({
    name: isFirst ? 'adamw_first' : 'adamw',
    inputs: ['W', 'G', ...(isFirst ? [] : ['M', 'V'])],
    expressions: [
      isFirst ? 'G * share1' : 'M * beta1 + G * share1',
      isFirst ? 'G * G * share2' : 'V * beta2 + G * G * share2',
      'W * kept - y0 / (sqrt(y1) + epsilon) * size',
    ],
    numbers: [
      ...(isFirst ? [] : ['beta1', 'beta2']),
      ...['share1', 'share2', 'kept', 'epsilon', 'size'],
    ],
  });
const FIRST = step(true);
const LATER = step(false);

export const adamw = webgpuKernel(ADAMW, (backend, { weight, gradient, m, v }, factors) => {
  requireAlike(ADAMW, 'webgpu', [weight, gradient, m, v]);
  if ((m == null) !== (v == null)) {
    throw new Error(`${ADAMW.name} (webgpu): m and v must be both there or neither`);
  }
  const numbers = { ...factors, share1: 1 - factors.beta1, share2: 1 - factors.beta2 };
  const [newM, newV, updated] =
    m && v
      ? runElementwise(backend, LATER, [weight, gradient, m, v], numbers)
      : runElementwise(backend, FIRST, [weight, gradient], numbers);
  return { updated, newM, newV } as Record<'updated' | 'newM' | 'newV', tf.TensorInfo>;
});
