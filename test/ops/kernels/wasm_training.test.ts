// Importing the package is all that a user does, here even before the backend.
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { expectClose, useBackend } from '../../support/backends';
import { uniform } from './wasm_reference';

type Layers = () => tf.layers.Layer[];

const IMAGES = [6, 11, 9, 3];
const head = (): tf.layers.Layer[] => [tf.layers.flatten(), tf.layers.dense({ units: 4 })];

/** Stock models; the first layer takes images of 11 x 9 x 3. */
const MODELS: Record<string, Layers> = {
  'conv2d same, relu': () => [
    tf.layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
    tf.layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: [2, 1], activation: 'tanh' }),
    ...head(),
  ],
  'conv2d strided, no bias': () => [
    tf.layers.conv2d({ filters: 7, kernelSize: 5, strides: 2, padding: 'same', useBias: false }),
    tf.layers.conv2d({ filters: 4, kernelSize: 1, activation: 'sigmoid' }),
    ...head(),
  ],
  depthwiseConv2d: () => [
    tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'elu' }),
    tf.layers.depthwiseConv2d({ kernelSize: 5, depthMultiplier: 2, strides: 2, padding: 'same' }),
    ...head(),
  ],
  separableConv2d: () => [
    tf.layers.separableConv2d({ filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' }),
    tf.layers.separableConv2d({ filters: 5, kernelSize: 2, depthMultiplier: 3, strides: 2 }),
    ...head(),
  ],
  'pooling and batchNormalization': () => [
    // A bias here has gradient zero, being subtracted again with the mean.
    tf.layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', useBias: false }),
    tf.layers.batchNormalization({}),
    tf.layers.maxPooling2d({ poolSize: 2, strides: 2, padding: 'same' }),
    tf.layers.separableConv2d({ filters: 6, kernelSize: 3 }),
    tf.layers.averagePooling2d({ poolSize: [2, 1], strides: 1 }),
    tf.layers.globalAveragePooling2d({}),
    tf.layers.dense({ units: 4 }),
  ],
  'upSampling2d and conv2dTranspose': () => [
    tf.layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, activation: 'selu' }),
    tf.layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: 'same' }),
    tf.layers.globalMaxPooling2d({}),
    tf.layers.dense({ units: 4 }),
  ],
};

function build(layers: Layers, inputShape = IMAGES.slice(1)): tf.Sequential {
  const model = tf.sequential();
  model.add(tf.layers.inputLayer({ inputShape }));
  layers().forEach((layer) => model.add(layer));
  return model;
}

interface Run {
  loss: number;
  gradients: Float32Array[];
}

/** Loss and weight gradients of a fresh model, with the same weights on every backend. */
async function gradientsOn(backend: string, layers: Layers, input?: Float32Array): Promise<Run> {
  await useBackend(backend);
  const shape = input ? [6, 7] : IMAGES;
  const model = build(layers, shape.slice(1));
  const weights = model.getWeights().map((w, i) => {
    const scale = /variance/.test(model.weights[i]?.name ?? '') ? 0 : 0.5;
    const values = uniform(w.shape, i + 10).map((v) => (scale === 0 ? 1 + 0.1 * v : scale * v));
    return tf.tensor(values, w.shape);
  });
  model.setWeights(weights);
  tf.dispose(weights);
  const x = tf.tensor(input ?? uniform(shape, 1), shape);
  const target = tf.tensor2d(uniform([6, 4], 2), [6, 4]);
  const before = tf.memory().numTensors;
  const { value, grads } = tf.variableGrads(() => {
    const prediction = model.apply(x, { training: true }) as tf.Tensor;
    return tf.losses.meanSquaredError(target, prediction).asScalar();
  });
  const gradients = model.trainableWeights.map((w) => {
    const gradient = grads[(w.read() as tf.Variable).name];
    return gradient?.dataSync() as Float32Array;
  });
  const loss = value.dataSync()[0] as number;
  tf.dispose([value, grads]);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose([x, target]);
  model.dispose();
  return { loss, gradients };
}

function expectEqual(wasm: Run, cpu: Run): void {
  expect(Math.abs(wasm.loss - cpu.loss)).toBeLessThan(1e-5 * Math.abs(cpu.loss));
  expect(cpu.gradients.length).toBeGreaterThan(0);
  cpu.gradients.forEach((expected, i) => {
    expect(Math.hypot(...expected)).toBeGreaterThan(0);
    expectClose(wasm.gradients[i] as Float32Array, expected, 1e-5, `gradient ${i}`);
  });
}

test.each(Object.entries(MODELS))(
  '%s: every weight gradient equals that of cpu',
  async (_, layers) => {
    expectEqual(await gradientsOn('wasm', layers), await gradientsOn('cpu', layers));
  },
);

test('an embedding has the gradients of cpu', async () => {
  const layers: Layers = () => [tf.layers.embedding({ inputDim: 9, outputDim: 5 }), ...head()];
  const tokens = Float32Array.from({ length: 42 }, (_, i) => (i * i) % 9);
  expectEqual(await gradientsOn('wasm', layers, tokens), await gradientsOn('cpu', layers, tokens));
});

test('model.fit on wasm learns and frees its tensors', async () => {
  await useBackend('wasm');
  const model = build(() => [
    tf.layers.conv2d({
      filters: 8,
      kernelSize: 3,
      activation: 'relu',
      kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
    }),
    tf.layers.separableConv2d({
      filters: 8,
      kernelSize: 3,
      activation: 'relu',
      depthwiseInitializer: tf.initializers.glorotUniform({ seed: 2 }),
      pointwiseInitializer: tf.initializers.glorotUniform({ seed: 3 }),
    }),
    tf.layers.globalAveragePooling2d({}),
    tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 4 }) }),
  ]);
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
  // Whether stripes run along rows or columns.
  const x = tf.tidy(() =>
    tf.tensor4d(
      Float32Array.from({ length: 16 * 11 * 9 * 3 }, (_, i) => {
        const [row, column] = [Math.floor(i / 27) % 11, Math.floor(i / 3) % 9];
        return (Math.floor(i / 297) % 2 === 0 ? row : column) % 2;
      }),
      [16, 11, 9, 3],
    ),
  );
  const y = tf.tensor2d(Array.from({ length: 16 }, (_, i) => [i % 2]));
  await model.fit(x, y, { epochs: 1, verbose: 0 });
  const before = tf.memory().numTensors;
  const history = await model.fit(x, y, { epochs: 40, batchSize: 8, verbose: 0 });
  expect(tf.memory().numTensors).toBe(before);
  const losses = history.history['loss'] as number[];
  expect(losses.at(-1)).toBeLessThan(0.02);
  tf.dispose([x, y]);
  model.dispose();
});
