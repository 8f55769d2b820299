/** What kernels of attention know of their operands, and what they refuse. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import { ATTENTION, ATTENTION_GRAD, type KernelContract } from './contract';
import type { AttributesOf, InputsOf } from './fused';

/** Sizes and settings of an attention. */
export interface AttentionShape {
  batch: number;
  t: number;
  s: number;
  heads: number;
  width: number;
  valueWidth: number;
  scale: number;
  causalOffset: number;
}

/** Whether the kernel of the backend in use holds the scores of all queries that it is given. */
export const holdsScores = (): boolean => tf.getBackend() === 'webgl';

/** Whether it can attend with heads of these widths: on webgl a texel must not belong to two heads. */
export const canAttend = (widths: readonly number[]): boolean =>
  tf.getBackend() !== 'webgl' || widths.every((width) => width % 2 === 0);

/** @throws {Error} when operands do not fit each other or the heads, or the scale is not above 0 */
export function attentionShape(
  { name }: KernelContract,
  backendName: string,
  { query, key, value, bias }: InputsOf<typeof ATTENTION, tf.TensorInfo>,
  { numHeads, scale, causalOffset }: AttributesOf<typeof ATTENTION>,
): AttentionShape {
  const [batch, t, width] = query.shape as [number, number, number];
  const [keyBatch, s, keyWidth] = key.shape as [number, number, number];
  const [valueBatch, valueTime, valueWidth] = value.shape as [number, number, number];
  const ranks = [query, key, value].every(({ shape }) => shape.length === 3);
  const alike = keyBatch === batch && valueBatch === batch && keyWidth === width && valueTime === s;
  const divides = width % numHeads === 0 && valueWidth % numHeads === 0;
  const biased = bias === undefined || tf.util.arraysEqual(bias.shape, [batch, s]);
  const isEmpty = Math.min(batch, t, s, width, valueWidth) === 0;
  if (!ranks || !alike || !divides || !biased || isEmpty || !(scale > 0)) {
    throw new Error(
      `${name} (${backendName}): query ${show(query.shape)}, key ${show(key.shape)}, value ${show(value.shape)} and ` +
        `bias ${bias ? show(bias.shape) : 'none'} with ${numHeads} heads and scale ${scale} do not fit: ` +
        `[batch, t, heads d], [batch, s, heads d], [batch, s, heads e] and [batch, s], none of them empty, ` +
        'and a scale above 0 are expected',
    );
  }
  return { batch, t, s, heads: numHeads, width, valueWidth, scale, causalOffset };
}

/** @throws {Error} when the output or its gradient has another shape than the output has */
export function requireOutputs(
  backendName: string,
  { batch, t, valueWidth }: AttentionShape,
  { output, dOutput }: Record<'output' | 'dOutput', tf.TensorInfo>,
): void {
  const like = [batch, t, valueWidth];
  if ([output, dOutput].every(({ shape }) => tf.util.arraysEqual(shape, like))) return;
  throw new Error(
    `${ATTENTION_GRAD.name} (${backendName}): output has shape ${show(output.shape)}, dOutput ` +
      `${show(dOutput.shape)}; ${show(like)} is expected of both`,
  );
}
