/** Steps of optimizers on webgl: one program for each tensor that a step gives. */
import type * as tf from '@tensorflow/tfjs-core';

import { ADAMW, DESCENT } from '../contract';
import { requireAlike } from '../graphics';
import { webglKernel } from './backend';
import { runElementwise } from './elementwise';

const DOWN = {
  inputs: ['W', 'G'],
  expression: 'W - (G + W * decay) * rate',
  numbers: ['rate', 'decay'],
};

export const descent = webglKernel(DESCENT, (backend, { weight, gradient }, attributes) => {
  requireAlike(DESCENT, 'webgl', [weight, gradient]);
  return runElementwise(backend, DOWN, [weight, gradient], attributes);
});

/** A moment begins with its share of the gradient; later what is kept of it is added. */
const moment = (term: string, isFirst: boolean) => ({
  inputs: isFirst ? ['G'] : ['G', 'M'],
  expression: isFirst ? `${term} * share` : `M * beta + ${term} * share`,
  numbers: isFirst ? ['share'] : ['beta', 'share'],
});

const UPDATED = {
  inputs: ['W', 'M', 'V'],
  expression: 'W * kept - M / (sqrt(V) + epsilon) * size_',
  numbers: ['kept', 'epsilon', 'size_'],
};

export const adamw = webglKernel(ADAMW, (backend, { weight, gradient, m, v }, factors) => {
  requireAlike(ADAMW, 'webgl', [weight, gradient, m, v]);
  if ((m == null) !== (v == null)) {
    throw new Error(`${ADAMW.name} (webgl): m and v must be both there or neither`);
  }
  const { beta1, beta2, kept, size, epsilon } = factors;
  const next = (term: string, beta: number, before: tf.TensorInfo | undefined) => {
    const share = { share: 1 - beta };
    return before
      ? runElementwise(backend, moment(term, false), [gradient, before], { ...share, beta })
      : runElementwise(backend, moment(term, true), [gradient], share);
  };
  const newM = next('G', beta1, m);
  const newV = next('G * G', beta2, v);
  const numbers = { kept, epsilon, size_: size };
  return { updated: runElementwise(backend, UPDATED, [weight, newM, newV], numbers), newM, newV };
});
