/** Merging adapters into the kernels that they change, and undoing it to the bit. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { setTrainedState, trainedState } from '../layers/base/trained_state';
import { keptValue } from '../ops/engine/writes';
import { changedKernel } from '../ops/low_rank';
import {
  type Adapter,
  type AdapterSet,
  adaptersOf,
  attach,
  collectTrainedWeights,
  detach,
  disposeFactors,
  factorsOf,
  requireAdapters,
  setAdapters,
  treeOf,
} from './adapter_set';

/** Options of `mergeAdapters`. */
export interface MergeOptions {
  /**
   * Whether the adapters and the kernels as they were are kept, for `unmergeAdapters`. Costs as much
   * memory as the kernels that have adapters. `false` also makes a merge final that has kept them. Default
   * true.
   */
  keep?: boolean;
}

const OPTIONS: OptionNames<MergeOptions> = { keep: true };

/**
 * Merges a model's adapters into its weights: every kernel becomes `W + alpha / rank * A B`. The model is
 * then one without adapters, as fast as before them, with the parts trained that were before
 * `addAdapters`, and can be saved whole.
 *
 * `W + D - D` is not always `W` in floating point, so the kernels that change are kept as they were, and
 * `unmergeAdapters` puts back the very same bits. With `keep: false` they are not, and merging cannot be
 * undone.
 *
 * @throws {Error} when the model has no adapters, or they are merged already; whatever a backend throws
 *   that runs out of memory, and the model is unchanged then
 */
export function mergeAdapters(model: tfl.LayersModel, options: MergeOptions = {}): void {
  requireOptions('mergeAdapters', options, OPTIONS);
  const { keep = true } = options;
  const before = adaptersOf(model);
  if (before?.merged && !keep) {
    forget(model, before, before.merged.originals);
    return;
  }
  const set = requireAdapters('mergeAdapters', model);
  const kernels = kernelsOf(set);
  const originals: tf.Tensor[] = [];
  try {
    kernels.forEach((kernel, i) => {
      const changed = changedKernel(kernel, factorsOf(set, set.adapters[i] as Adapter));
      try {
        originals.push(keptValue(kernel));
        kernel.assign(changed);
      } finally {
        changed.dispose();
      }
    });
  } catch (error) {
    originals.forEach((original, i) => (kernels[i] as tf.Variable).assign(original));
    tf.dispose(originals);
    throw error;
  }
  const trained = trainedState(treeOf(model));
  detach(set);
  setTrainedState(set.trainedBefore);
  if (keep) {
    set.merged = { originals, trained, dataIds: kernels.map(({ dataId }) => dataId) };
  } else {
    forget(model, set, originals);
  }
  collectTrainedWeights(model);
}

/** Frees what unmerging would need. */
function forget(model: tfl.LayersModel, set: AdapterSet, originals: readonly tf.Tensor[]): void {
  tf.dispose([...originals]);
  disposeFactors(set.adapters);
  setAdapters(model, undefined);
}

function kernelsOf({ adapters }: AdapterSet): tf.Variable[] {
  return adapters.map(({ projection }) => projection.kernel['val']);
}

/**
 * Undoes `mergeAdapters`: the kernels get the bits that they had, the adapters are on again, and what was
 * trained then is.
 *
 * @throws {Error} when the model has no merged adapters, or a kernel has been changed since they were
 *   merged, by training or by loading: that would be lost
 */
export function unmergeAdapters(model: tfl.LayersModel): void {
  requireModel('unmergeAdapters', model);
  const set = adaptersOf(model);
  if (!set?.merged) {
    throw new Error(
      `unmergeAdapters: ${model.name} has no merged adapters; ` +
        (set ? 'they are on' : 'call addAdapters and mergeAdapters first, without keep: false'),
    );
  }
  const { originals, dataIds, trained } = set.merged;
  const kernels = kernelsOf(set);
  const changed = kernels.findIndex(({ dataId }, i) => dataId !== dataIds[i]);
  if (changed >= 0) {
    throw new Error(
      `unmergeAdapters: the kernel of '${set.adapters[changed]?.projection.path}' has changed since the ` +
        `adapters of ${model.name} were merged, and that would be lost. To go on with the model as it is ` +
        `call mergeAdapters(model, { keep: false })`,
    );
  }
  originals.forEach((original, i) => (kernels[i] as tf.Variable).assign(original));
  tf.dispose([...originals]);
  set.merged = null;
  attach(set);
  setTrainedState(trained);
  collectTrainedWeights(model);
}
