/** Brings golden tensors of PyTorch's layout into this package's. */
import * as tf from '@tensorflow/tfjs';

import type { Golden } from '../../support/goldens';

/** A golden tensor by name. */
export function goldenTensor(golden: Golden, name: string): tf.Tensor {
  const entry = golden.tensors.get(name);
  if (!entry) throw new Error(`no golden tensor ${name}`);
  return tf.tensor(
    entry.data,
    entry.shape,
    entry.data instanceof Float32Array ? 'float32' : 'int32',
  );
}

/** A PyTorch linear weight `[out, in]`, or what stands there of its gradient, as `shape`. */
function linearAs(golden: Golden, name: string, shape: number[]): tf.Tensor {
  return tf.tidy(() => tf.reshape(tf.transpose(goldenTensor(golden, name)), shape));
}

/** Names of the weights of an attention here and in the goldens. */
const PROJECTIONS = [
  ['query', 'query'],
  ['key', 'key'],
  ['value', 'value'],
  ['attention_output', 'out'],
] as const;

/**
 * One golden value, by this package's name of the weight.
 *
 * @param golden holds `${prefix}.<name>`
 * @param local name below the attention: `query/kernel`, `logit_scale`, ...
 */
export function attentionValue(
  golden: Golden,
  prefix: string,
  local: string,
  shape: number[],
): tf.Tensor {
  if (local === 'logit_scale') {
    return tf.tidy(() => tf.reshape(goldenTensor(golden, `${prefix}.logit_scale`), shape));
  }
  for (const [here, there] of PROJECTIONS) {
    if (local === `${here}/kernel`) return linearAs(golden, `${prefix}.${there}.weight`, shape);
    if (local === `${here}/bias`) {
      return tf.tidy(() => tf.reshape(goldenTensor(golden, `${prefix}.${there}.bias`), shape));
    }
  }
  throw new Error(`no golden counterpart of ${local}`);
}

/** Any linear layer or LayerNorm: `kernel`, `bias`, `gamma`, `beta` under a golden's module name. */
export function moduleValue(
  golden: Golden,
  module: string,
  role: string,
  shape: number[],
): tf.Tensor {
  if (role === 'kernel') return linearAs(golden, `${module}.weight`, shape);
  if (role === 'gamma') return goldenTensor(golden, `${module}.weight`);
  return goldenTensor(golden, `${module}.bias`);
}
