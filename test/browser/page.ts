/**
 * What runs in the page. Every check gives plain numbers; what they must be is said in
 * `browser.test.ts`.
 */
import * as tf from '@tensorflow/tfjs';
import { getThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import {
  type CheckpointSource,
  convertCheckpoint,
  createModel,
  filesSink,
  loadCheckpoint,
  openCheckpoint,
  preprocess,
  pretrainedWeights,
  readPixels,
  removePretrained,
} from '../../src/index';
import { modelWeights } from '../../src/weights/names/model_weights';
import { countsOfNetwork } from '../support/counts';

type Tensors = Map<string, { shape: number[]; data: Float32Array }>;

/** The goldens' architecture. */
const SMALL = {
  columns: 4,
  channels: [8, 16, 24, 32],
  depths: [1, 1, 2, 1],
  inputShape: [64, 64, 3] as [number, number, number],
};
const WIDE = 'revcol_large.in22k';

const at = (file: string) => new URL(`/goldens/${file}`, location.href).href;

async function readAll(file: string): Promise<Tensors> {
  const checkpoint = await openCheckpoint(at(file));
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
function imagesOf(tensors: Tensors): tf.Tensor {
  const { shape, data } = tensorOf(tensors, 'x');
  return tf.tidy(() => tf.transpose(tf.tensor(data, shape), [0, 2, 3, 1]));
}

async function logitsError(model: tf.LayersModel, tensors: Tensors, name = 'logits.0') {
  const x = imagesOf(tensors);
  const y = model.predict(x) as tf.Tensor;
  const error = relativeError(await y.data(), tensorOf(tensors, name).data);
  tf.dispose([x, y]);
  return error;
}

async function small(options: { backprop?: 'reversible' | 'stored'; source?: CheckpointSource }) {
  const model = createModel('revcol_tiny', {
    ...SMALL,
    numClasses: 10,
    backprop: options.backprop,
  });
  const { loaded } = await loadCheckpoint(model, options.source ?? at('plain.pth'));
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

const checks = {
  start: async (backend: string) => {
    if (!(await tf.setBackend(backend))) throw new Error(`${backend} did not start`);
    return tf.getBackend();
  },

  threads: async () => getThreadsCount(),

  /** Loads over HTTP ranges, predicts and differentiates. */
  golden: async (backprop: 'reversible' | 'stored') => {
    const tensors = await readAll('plain.expected.safetensors');
    const { model, loaded } = await small({ backprop });
    const forward = await logitsError(model, tensors);
    const gradients = await gradientError(model, tensors);
    model.dispose();
    return { loaded, forward, ...gradients };
  },

  blob: async () => {
    const tensors = await readAll('plain.expected.safetensors');
    const blob = await (await fetch(at('plain.weights.safetensors'))).blob();
    const { model, loaded } = await small({ source: new File([blob], 'plain.safetensors') });
    const forward = await logitsError(model, tensors);
    model.dispose();
    return { loaded, forward };
  },

  /** A published set, from a mirror into IndexedDB; the second time from there. */
  pretrained: async () => {
    const name = 'supervised_many_classes.expected.safetensors';
    const tensors = await readAll(name);
    const build = () =>
      createModel(WIDE, { ...SMALL, numClasses: 1200, pretrained: true, baseUrl: at('mirror') });
    const errors: number[] = [];
    for (let i = 0; i < 2; i++) {
      const model = await build();
      errors.push(await logitsError(model, tensors, 'logits.3'));
      model.dispose();
    }
    await removePretrained(pretrainedWeights(WIDE));
    return errors;
  },

  /** Converts in the page, and loads what came out as an application would. */
  convert: async () => {
    const tensors = await readAll('plain.expected.safetensors');
    const checkpoint = await openCheckpoint(at('plain.pth'));
    const report = await convertCheckpoint(checkpoint, filesSink(), {
      inputSize: [64, 64],
      shardBytes: 100_000,
    });
    await checkpoint.close();
    const model = await tf.loadLayersModel(tf.io.browserFiles(report.model));
    const forward = await logitsError(model, tensors);
    model.dispose();
    return { forward, files: report.model.length };
  },

  counts: countsOfNetwork,

  /** Pixels of an image that the browser decodes, and the model input made of them. */
  pixels: async (png: string) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const pixels = readPixels(image);
    const input = preprocess(pixels);
    const { shape } = input;
    input.dispose();
    return { shape, rgba: Array.from(pixels.data) };
  },
};

export type Checks = typeof checks;

/** Runs a check, and counts the tensors that it leaves behind. */
async function run(name: keyof Checks, argument: string) {
  const before = tf.memory().numTensors;
  const result = await (checks[name] as (argument: string) => Promise<unknown>)(argument);
  return { result, moreTensors: tf.memory().numTensors - before };
}

setWasmPaths('/wasm/');
Object.assign(globalThis, { run });
