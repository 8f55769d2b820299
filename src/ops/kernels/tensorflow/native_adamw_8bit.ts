/** AdamW with moments of eight bits in one pass, by the package's TensorFlow operation. */
import type * as tf from '@tensorflow/tfjs-core';

import { type Factors, TABLE_BYTES, writeTables } from '../adamw_8bit';
import { ADAMW_8BIT } from '../contract';
import type { InputsOf } from '../fused';
import { factorList } from './adamw';
import { type NodeBackend, withNumbers } from './backend';

const kept = new WeakMap<NodeBackend, tf.TensorInfo>();

/** The tables of codes, made once. They are the backend's, and tfjs does not count them. */
function tablesOf(backend: NodeBackend): tf.TensorInfo {
  const known = kept.get(backend);
  if (known) return known;
  const bytes = new Uint8Array(TABLE_BYTES);
  writeTables(bytes, 0);
  const shape = [TABLE_BYTES];
  const dataId = backend.write(bytes, shape, 'bool') as tf.DataId;
  const tables: tf.TensorInfo = { dataId, shape, dtype: 'bool' };
  kept.set(backend, tables);
  return tables;
}

/**
 * The step; moments and scales become what the operation has made of them. It writes nothing over its inputs:
 * TensorFlow's tensors may share their memory with others, and with arrays of JavaScript.
 */
export function updateNatively(
  backend: NodeBackend,
  inputs: InputsOf<typeof ADAMW_8BIT, tf.TensorInfo>,
  factors: Factors,
): tf.TensorInfo {
  const { weight, gradient, m, mScale, v, vScale } = inputs;
  const moments = [m, mScale, v, vScale];
  const [updated, ...made] = withNumbers(backend, factorList(factors), (given) =>
    backend.executeMultipleOutputs(
      ADAMW_8BIT.name,
      [],
      [weight, gradient, ...moments, given, tablesOf(backend)],
      1 + moments.length,
    ),
  ) as [tf.TensorInfo, ...tf.TensorInfo[]];
  moments.forEach((moment, i) => replace(backend, moment, made[i] as tf.Tensor));
  return updated;
}

/** Lets a tensor, which an operation has read, have another one's data, and frees its own. */
function replace(backend: NodeBackend, { dataId }: tf.TensorInfo, made: tf.Tensor): void {
  const [old, fresh] = [backend.tensorMap.get(dataId), backend.tensorMap.get(made.dataId)];
  [old.id, fresh.id] = [fresh.id, old.id];
  made.dispose();
}
