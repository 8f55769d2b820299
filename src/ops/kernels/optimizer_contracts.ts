/** The contracts of fused kernels that update weights; see `contract.ts`. */
import type { KernelContract } from './kernel_contract';

/**
 * One step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101): weight, gradient and the moments m and v,
 * both or none of them yet, of one shape. Gives `kept * weight - size * m / (sqrt(v) + epsilon)` with the new
 * moments, and these. Nothing is overwritten.
 */
export const ADAMW = {
  name: 'RevColAdamWStep',
  inputs: ['weight', 'gradient'],
  optionalInputs: ['m', 'v'],
  attributes: {
    beta1: 'number',
    beta2: 'number',
    kept: 'number',
    size: 'number',
    epsilon: 'number',
  },
  outputs: ['updated', 'newM', 'newV'],
} as const satisfies KernelContract;

/** `weight - rate (gradient + decay weight)`, gradient of weight's shape. Gives this shape. */
export const DESCENT = {
  name: 'RevColDescent',
  inputs: ['weight', 'gradient'],
  optionalInputs: [],
  attributes: { rate: 'number', decay: 'number' },
  outputs: ['updated'],
} as const satisfies KernelContract;

/**
 * One step of AdamW with moments of eight bits (Dettmers et al. 2021, arXiv 2110.02861): reads weight and
 * gradient and gives the updated weight; m, mScale, v and vScale are read and overwritten. weight and gradient are of one shape; m and
 * v, the codes of `dynamic_codes.ts` in bytes, of that shape, too; the scales have one number per 256 of
 * them, the largest magnitude there. Gives `kept * weight - size * m / (sqrt(v) + epsilon)` with the
 * moments as they are before they are rounded. A mean of squares above 0 is never rounded to 0.
 */
export const ADAMW_8BIT = {
  name: 'RevColAdamW8bit',
  inputs: ['weight', 'gradient', 'm', 'mScale', 'v', 'vScale'],
  optionalInputs: [],
  attributes: {
    beta1: 'number',
    beta2: 'number',
    kept: 'number',
    size: 'number',
    epsilon: 'number',
  },
  outputs: ['updated'],
  dtypes: { m: 'bool', v: 'bool' },
} as const satisfies KernelContract;
