/** Models with a golden's weights, and the golden's tensors in this package's layout. */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, loadCheckpoint, RevColBackbone } from 'tfjs-revcol';
import { modelWeights } from '../../../src/weights/names/model_weights';
import { relativeError } from '../../support/backends';
import { type Golden, GOLDENS_DIR, type GoldenTensor, readGolden } from '../../support/goldens';
import type { Step } from '../../support/training_step';

export type Backprop = 'reversible' | 'stored';

export interface GoldenModel {
  golden: Golden;
  model: tf.LayersModel;
  backbone: RevColBackbone;
  /** Images, `[batch, height, width, 3]`. */
  x: tf.Tensor;
  /** Cross entropy of the model's logits, in training. */
  loss: () => tf.Tensor;
  /** The logits that `loss` saw last. */
  logits: () => Float32Array;
}

function tensorOf(golden: Golden, name: string): GoldenTensor {
  const found = golden.tensors.get(name);
  if (!found) throw new Error(`the golden has no tensor ${name}`);
  return found;
}

/** An NCHW tensor of the golden as NHWC. */
export function goldenImage(golden: Golden, name: string): tf.Tensor {
  const { shape, data } = tensorOf(golden, name);
  return tf.tidy(() => tf.transpose(tf.tensor(data, shape), [0, 2, 3, 1]));
}

/** A tensor of the golden as it is. */
export function goldenValue(golden: Golden, name: string): tf.Tensor {
  const { shape, data } = tensorOf(golden, name);
  return tf.tensor(data, shape);
}

/** Builds a case's model from the configuration that its file holds, with its weights. */
export async function loadGoldenModel(
  name: string,
  backprop: Backprop,
  anchorEvery: 'auto' | number = 'auto',
): Promise<GoldenModel> {
  const golden = readGolden(`${name}.expected.safetensors`);
  const number = (key: string) => JSON.parse(golden.metadata[key] as string) as number;
  const numbers = (key: string) => JSON.parse(golden.metadata[key] as string) as number[];
  const x = goldenImage(golden, 'x');
  const numClasses = number('classes');
  const model = createModel('revcol_tiny', {
    inputShape: x.shape.slice(1) as [number, number, number],
    columns: number('columns'),
    channels: numbers('channels'),
    depths: numbers('depths'),
    topFusion: golden.metadata.huge === 'true',
    numClasses,
    backprop,
    anchorEvery,
  });
  const report = await loadCheckpoint(model, path.join(GOLDENS_DIR, `${name}.weights.safetensors`));
  expect(report).toMatchObject({ missing: [], unexpected: [] });
  const target = Array.from(tensorOf(golden, 'target').data);
  let seen = new Float32Array();
  return {
    golden,
    model,
    backbone: model.getLayer('backbone') as RevColBackbone,
    x,
    loss: () => {
      const logits = model.apply(x, { training: true }) as tf.Tensor;
      seen = Float32Array.from(logits.dataSync());
      const wanted = tf.oneHot(tf.tensor1d(target, 'int32'), numClasses);
      return tf.losses.softmaxCrossEntropy(wanted, logits);
    },
    logits: () => seen,
  };
}

/** Errors of a step's gradients against the golden's, by published name; `x` for the input's. */
export function gradientErrors({ golden, model }: GoldenModel, step: Step): Map<string, number> {
  const errors = new Map<string, number>();
  for (const [name, { variable, layout, publishedShape }] of modelWeights(model).mapped) {
    const got = step.gradients.get(variable.originalName);
    const expected = golden.tensors.get(`grad.${name}`);
    if (!expected) throw new Error(`the golden has no gradient of ${name}`);
    const exact = layout.toOwn(expected.data as Float32Array, publishedShape);
    if (/^subnet0\.alpha\d$/.test(name)) {
      // Nothing uses the first column's alphas.
      expect({ [name]: exact.every((v) => v === 0) && !got }).toEqual({ [name]: true });
    } else {
      errors.set(name, relativeError(got ?? [], exact));
    }
  }
  expect(errors.size).toBe(step.gradients.size);
  const input = tf.tidy(() => goldenImage(golden, 'grad.x').dataSync());
  errors.set('x', relativeError(step.input ?? [], input));
  return errors;
}
