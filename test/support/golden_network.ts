/**
 * A small network compared with its goldens, without a single synchronous read: in pages, and wherever
 * else there is webgpu. Gives plain numbers; what they must be is said in the tests.
 */
import * as tf from '@tensorflow/tfjs';

import { type CheckpointSource, createModel, loadCheckpoint, openCheckpoint } from 'tfjs-revcol';
import { modelWeights } from '../../src/weights/names/model_weights';

export type Tensors = Map<string, { shape: number[]; data: Float32Array }>;

/** The architecture of the goldens. */
export const SMALL = {
  columns: 4,
  channels: [8, 16, 24, 32],
  depths: [1, 1, 2, 1],
  inputShape: [64, 64, 3] as [number, number, number],
};

/** All tensors of a file, by path or address. */
export async function readAll(file: string): Promise<Tensors> {
  const checkpoint = await openCheckpoint(file);
  const tensors: Tensors = new Map();
  for (const [name, { shape }] of checkpoint.entries) {
    tensors.set(name, { shape, data: await checkpoint.read(name) });
  }
  await checkpoint.close();
  return tensors;
}

function tensorOf(tensors: Tensors, name: string) {
  const found = tensors.get(name);
  if (!found) throw new Error(`the golden has no ${name}`);
  return found;
}

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length)
    throw new Error(`${got.length} and ${expected.length} values`);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < got.length; i++) {
    difference += ((got[i] as number) - (expected[i] as number)) ** 2;
    size += (expected[i] as number) ** 2;
  }
  return Math.sqrt(difference / size);
}

/** Images of the golden, channels last. */
export function imagesOf(tensors: Tensors): tf.Tensor {
  const { shape, data } = tensorOf(tensors, 'x');
  return tf.tidy(() => tf.transpose(tf.tensor(data, shape), [0, 2, 3, 1]));
}

/** Error of a model's logits. */
export async function logitsError(
  model: tf.LayersModel,
  tensors: Tensors,
  name = 'logits.0',
): Promise<number> {
  const x = imagesOf(tensors);
  const y = model.predict(x) as tf.Tensor;
  const error = relativeError(await y.data(), tensorOf(tensors, name).data);
  tf.dispose([x, y]);
  return error;
}

/** The network, with the weights of a checkpoint. */
export async function smallModel(
  source: CheckpointSource,
  backprop?: 'reversible' | 'stored',
): Promise<{ model: tf.LayersModel; loaded: number }> {
  const model = createModel('revcol_tiny', { ...SMALL, numClasses: 10, backprop });
  const { loaded } = await loadCheckpoint(model, source);
  return { model, loaded: loaded.length };
}

/** Worst relative error of a gradient, over all weights. */
async function gradientError(model: tf.LayersModel, tensors: Tensors) {
  const x = imagesOf(tensors);
  const target = Array.from(tensorOf(tensors, 'target').data, (value) => value);
  const { value, grads } = tf.variableGrads(() => {
    const logits = model.apply(x, { training: true }) as tf.Tensor2D;
    return tf.losses.softmaxCrossEntropy(tf.oneHot(target, 10), logits).asScalar();
  });
  let [worst, count] = [0, 0];
  for (const [published, { layout, publishedShape, variable }] of modelWeights(model).mapped) {
    const expected = tensorOf(tensors, `grad.${published}`);
    const got = grads[(variable.read() as tf.Variable).name];
    // A first column has no previous one: the loss does not depend on its alphas.
    if (!got && expected.data.every((value) => value === 0)) continue;
    if (!got) throw new Error(`no gradient of ${published}`);
    const own = layout.toOwn(expected.data, publishedShape);
    worst = Math.max(worst, relativeError(await got.data(), own));
    count++;
  }
  const lossError = relativeError(await value.data(), tensorOf(tensors, 'loss').data);
  tf.dispose([x, value, grads]);
  return { worst, count, lossError };
}

/** Loads `plain.pth`, predicts and differentiates. `at`: where a golden is, by its name. */
export async function goldenErrors(at: (file: string) => string, mode: 'reversible' | 'stored') {
  const tensors = await readAll(at('plain.expected.safetensors'));
  const { model, loaded } = await smallModel(at('plain.pth'), mode);
  const forward = await logitsError(model, tensors);
  const gradients = await gradientError(model, tensors);
  model.dispose();
  return { loaded, forward, ...gradients };
}
