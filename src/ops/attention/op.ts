/** Attention on projected operands as one tape node that keeps no scores. */
import * as tf from '@tensorflow/tfjs-core';

import { assertFirstOrder, disposingTapeOnError } from '../engine/engine';
import { ensureGradient, ensureKernel, runKernel } from '../engine/kernel';
import {
  attentionBackward,
  attentionForward,
  type AttentionOperands,
  type AttentionSettings,
  type MaskedSettings,
} from './attention';
import type { AttentionMasks } from './mask';

const KERNEL = 'RevColAttention';

/** What the kernel needs besides tensors. */
interface Attrs {
  settings: AttentionSettings & Pick<AttentionMasks, 'causalOffset'>;
  /** Which masks follow the three operands among the inputs. */
  masks: readonly ('keyMask' | 'attentionMask')[];
}

type Operands = [query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, ...masks: tf.Tensor[]];

function settingsOf({ settings, masks }: Attrs, tensors: readonly tf.Tensor[]): MaskedSettings {
  return { ...settings, ...Object.fromEntries(masks.map((name, i) => [name, tensors[i]])) };
}

ensureGradient<tf.Tensor, Attrs>({
  kernelName: KERNEL,
  saveAllInputs: true,
  outputsToSave: [true],
  gradFunc: (dy, saved, attrs) => {
    const [query, key, value, ...rest] = saved as [...Operands, output: tf.Tensor];
    const settings = settingsOf(attrs, rest.slice(0, -1));
    const output = rest[rest.length - 1] as tf.Tensor;
    const gradients = disposingTapeOnError(() => {
      assertFirstOrder('attention');
      return attentionBackward(dy, output, { query, key, value }, settings);
    });
    // Computed once for all three; each thunk hands over a tensor of its own.
    const hand = (gradient: tf.Tensor) => () => {
      const copy = tf.clone(gradient);
      gradient.dispose();
      return copy;
    };
    return { 0: hand(gradients.query), 1: hand(gradients.key), 2: hand(gradients.value) };
  },
});

/**
 * Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762) on projected operands, as one tape
 * node that saves its operands and output but no scores: they are computed again, some queries at a
 * time. A query that sees no key at all gives 0.
 *
 * @returns `[batch, t, heads * e]`
 */
export function attention(
  { query, key, value }: AttentionOperands,
  { keyMask, attentionMask, ...settings }: MaskedSettings,
): tf.Tensor {
  ensureKernel<Operands, Attrs>(KERNEL, ({ inputs: [q, k, v, ...masks], attrs }) =>
    attentionForward({ query: q, key: k, value: v }, settingsOf(attrs, masks)),
  );
  const attrs: Attrs = {
    settings,
    masks: [
      ...(keyMask ? ['keyMask' as const] : []),
      ...(attentionMask ? ['attentionMask' as const] : []),
    ],
  };
  // tfjs saves all inputs only of kernels that take a list.
  const inputs = [query, key, value, keyMask, attentionMask].filter((x) => x != null);
  return runKernel(KERNEL, inputs, attrs);
}
