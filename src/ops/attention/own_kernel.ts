/** Attention by the kernel of the backend in use, all queries at once or some at a time. */
import * as tf from '@tensorflow/tfjs-core';

import { accumulate, tidyAll } from '../engine/tensors';
import { canAttend, holdsScores } from '../kernels/attention_shape';
import { ATTENTION, ATTENTION_GRAD } from '../kernels/contract';
import { hasKernel, runOwn } from '../kernels/fused';
import { padTime, sliceTime } from './heads';
import { maskBias } from './mask';
import type { AttentionGradients, AttentionOperands, MaskedSettings } from './operands';

/** First query of a part, and the one after its last. */
export type Range = readonly [start: number, end: number];

/** Whether kernels can do it, which know neither dropout nor masks of pairs. */
function fits(operands: AttentionOperands, s: MaskedSettings): boolean {
  const isPlain = s.dropRate === 0 && s.attentionMask == null && s.scale > 0;
  const { query, key, value } = operands;
  const isEmpty = Math.min(query.size, key.size, value.size) === 0;
  const widths = [query, value].map(({ shape }) => (shape[2] as number) / s.numHeads);
  return isPlain && !isEmpty && canAttend(widths);
}

/** Whether the backend in use has kernels for output and gradients that can do it. */
export function hasOwnKernel(operands: AttentionOperands, settings: MaskedSettings): boolean {
  return hasKernel(ATTENTION) && hasKernel(ATTENTION_GRAD) && fits(operands, settings);
}

/** What the kernel takes for queries `[start, end)`: these, the keys that they may see, and how they see them. */
function partOf(
  { query, key, value }: AttentionOperands,
  { numHeads, scale, causalOffset = Infinity, keyMask }: MaskedSettings,
  [start, end]: Range,
) {
  const keys = key.shape[1] as number;
  const seen = Math.min(keys, Math.max(1, end + Math.trunc(Math.min(causalOffset, keys))));
  const bias = keyMask && maskBias(keyMask);
  return {
    inputs: {
      query: rowsOf(query, start, end),
      key: rowsOf(key, 0, seen),
      value: rowsOf(value, 0, seen),
      bias: bias && seen < keys ? tf.slice(bias, [0, 0], [bias.shape[0] as number, seen]) : bias,
    },
    attributes: { numHeads, scale, causalOffset: causalOffset + start },
  };
}

/** Rows `[start, end)` of the middle axis; the tensor itself where that is all of it. */
function rowsOf(x: tf.Tensor, start: number, end: number): tf.Tensor {
  return start === 0 && end === x.shape[1] ? x : sliceTime(x, start, end);
}

/** As one part where the kernel does not hold the scores of all that it is given. */
const partsFor = (queries: number, chunks: () => Range[]): Range[] =>
  holdsScores() ? chunks() : [[0, queries]];

/**
 * Output, as `attentionForward` gives it.
 *
 * @param chunks ranges of queries whose scores are to be in memory at a time
 */
export function ownForward(
  operands: AttentionOperands,
  settings: MaskedSettings,
  chunks: () => Range[],
): tf.Tensor {
  const outputOf = (range: Range) =>
    tf.tidy(() => {
      const { inputs, attributes } = partOf(operands, settings, range);
      return runOwn(ATTENTION, inputs, attributes);
    });
  const parts = partsFor(operands.query.shape[1] as number, chunks);
  if (parts.length === 1) return outputOf(parts[0] as Range);
  return tf.tidy(() => tf.concat(parts.map(outputOf), 1));
}

/** Gradients, as `attentionBackward` gives them. */
export function ownBackward(
  dOutput: tf.Tensor,
  output: tf.Tensor,
  operands: AttentionOperands,
  settings: MaskedSettings,
  chunks: () => Range[],
): AttentionGradients {
  const gradientsOf = (range: Range) =>
    tidyAll(() => {
      const { inputs, attributes } = partOf(operands, settings, range);
      const [o, dO] = [rowsOf(output, ...range), rowsOf(dOutput, ...range)];
      const keys = operands.key.shape[1] as number;
      const given = { ...inputs, output: o, dOutput: dO };
      const { dQuery, dKey, dValue } = runOwn(ATTENTION_GRAD, given, attributes);
      if (inputs.key.shape[1] === keys) return { query: dQuery, key: dKey, value: dValue };
      return { query: dQuery, key: padTime(dKey, keys), value: padTime(dValue, keys) };
    });
  const parts = partsFor(operands.query.shape[1] as number, chunks);
  if (parts.length === 1) return gradientsOf(parts[0] as Range);
  return tidyAll(() => {
    const dQueries: tf.Tensor[] = [];
    const sums: (tf.Tensor | null)[] = [null, null];
    for (const range of parts) {
      const { query, key, value } = gradientsOf(range);
      dQueries.push(query);
      [key, value].forEach((d, i) => accumulate(sums, i, d));
    }
    const [dKey, dValue] = sums as [tf.Tensor, tf.Tensor];
    return { query: tf.concat(dQueries, 1), key: dKey, value: dValue };
  });
}
