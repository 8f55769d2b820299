/** Golden values of isotropic networks by this package's weight names. */
import * as tf from '@tensorflow/tfjs';

import { attentionValue, goldenTensor, moduleValue } from '../../ops/attention/golden_attention';
import type { Golden } from '../../support/goldens';

const LEVEL = /column_(\d+)\/level_(\d+)\/(.*)$/;

/** Our names of a block's other modules, and the goldens'. */
const BLOCK_MODULES: Record<string, string> = {
  attention_norm: 'norm1',
  feedforward_norm: 'norm2',
  'feedforward/expand': 'mlp1',
  'feedforward/project': 'mlp2',
};

const FUSION_MODULES: Record<string, string> = {
  down: 'down.linear',
  down_norm: 'down.norm',
  up: 'up.linear',
  up_norm: 'up.norm',
};

/** Splits `a/b/kernel` into module and role. */
function splitRole(name: string): [module: string, role: string] {
  const at = name.lastIndexOf('/');
  return [name.slice(0, at), name.slice(at + 1)];
}

function levelValue(
  golden: Golden,
  kind: 'weight' | 'grad',
  [, column, level, rest]: RegExpExecArray,
  shape: number[],
): tf.Tensor {
  const place = `${kind}.backbone.columns.${column}.${level}`;
  if (rest === 'alpha') {
    return tf.tidy(() => {
      const all = goldenTensor(golden, `${kind}.backbone.alphas.${Number(column) - 1}`);
      return tf.reshape(tf.slice(all as tf.Tensor2D, [Number(level), 0], [1, -1]), shape);
    });
  }
  const block = /^block_(\d+)\/(.*)$/.exec(rest as string);
  if (!block) {
    const [module, role] = splitRole((rest as string).replace(/^fusion\//, ''));
    return moduleValue(golden, `${place}.${FUSION_MODULES[module]}`, role, shape);
  }
  const prefix = `${place}.blocks.${block[1]}`;
  const name = block[2] as string;
  if (name.startsWith('attention/')) {
    return attentionValue(golden, `${prefix}.attention`, name.slice('attention/'.length), shape);
  }
  const [module, role] = splitRole(name);
  return moduleValue(golden, `${prefix}.${BLOCK_MODULES[module]}`, role, shape);
}

/**
 * The golden weight or gradient of a weight; null for the first column's alphas, which the network
 * does not use and the goldens lack.
 */
export function isotropicValue(
  golden: Golden,
  kind: 'weight' | 'grad',
  name: string,
  shape: number[],
): tf.Tensor | null {
  if (/column_0\/level_\d+\/alpha$/.test(name)) return null;
  const level = LEVEL.exec(name);
  if (level) return levelValue(golden, kind, level, shape);
  if (/stem\/embeddings$/.test(name)) return goldenTensor(golden, `${kind}.embedding.weight`);
  if (/position_embeddings$/.test(name)) return goldenTensor(golden, `${kind}.position`);
  if (/stem\/projection\/kernel$/.test(name)) {
    return tf.tidy(() => tf.transpose(goldenTensor(golden, `${kind}.patch.weight`), [2, 3, 1, 0]));
  }
  if (/stem\/projection\/bias$/.test(name)) return goldenTensor(golden, `${kind}.patch.bias`);
  const [module, role] = splitRole(name);
  if (/head(\/classifier)?$/.test(module)) return moduleValue(golden, `${kind}.head`, role, shape);
  if (/head\/norm$/.test(module)) return moduleValue(golden, `${kind}.norm`, role, shape);
  throw new Error(`no golden counterpart of ${name}`);
}
