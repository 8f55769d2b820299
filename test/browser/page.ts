/**
 * What runs in the page. Every check gives plain numbers; what they must be is said in
 * `browser.test.ts`.
 */
import * as tf from '@tensorflow/tfjs';
import { getThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import {
  convertCheckpoint,
  createModel,
  filesSink,
  openCheckpoint,
  preprocess,
  pretrainedWeights,
  readPixels,
  removePretrained,
} from '../../src/index';
import fashion from '../models/fixtures/fashion_pictures.json';
import { countsOfNetwork } from '../support/counts';
import { goldenErrors, logitsError, readAll, SMALL, smallModel } from '../support/golden_network';

const WIDE = 'revcol_large.in22k';

const at = (file: string) => new URL(`/goldens/${file}`, location.href).href;

const checks = {
  start: async (backend: string) => {
    // As on a graphics card, also where there is none.
    if (backend === 'webgl') tf.env().set('REVCOL_WEBGL_PROGRAMS', true);
    if (!(await tf.setBackend(backend))) throw new Error(`${backend} did not start`);
    return tf.getBackend();
  },

  threads: async () => getThreadsCount(),

  /** Loads over HTTP ranges, predicts and differentiates. */
  golden: (backprop: 'reversible' | 'stored') => goldenErrors(at, backprop),

  blob: async () => {
    const tensors = await readAll(at('plain.expected.safetensors'));
    const blob = await (await fetch(at('plain.weights.safetensors'))).blob();
    const { model, loaded } = await smallModel(new File([blob], 'plain.safetensors'));
    const forward = await logitsError(model, tensors);
    model.dispose();
    return { loaded, forward };
  },

  /** A published set, from a mirror into IndexedDB; the second time from there. */
  pretrained: async () => {
    const name = 'supervised_many_classes.expected.safetensors';
    const tensors = await readAll(at(name));
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

  /** Weights of the package, served beside the page: what they take real test pictures for. */
  packaged: async () => {
    const name = 'revcol_femto.fashion';
    const record = pretrainedWeights(name);
    const baseUrl = new URL('/weights', location.href).href;
    const model = await createModel(name, { pretrained: true, baseUrl });
    const pictures = fashion.pictures.map(({ pixels }) => {
      const grey = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
      const data = new Uint8ClampedArray(4 * grey.length);
      grey.forEach((byte, i) => data.set([byte, byte, byte, 255], 4 * i));
      return { width: 28, height: 28, data };
    });
    const input = preprocess(pictures, record);
    const classes = tf.tidy(() => tf.argMax(model.predict(input) as tf.Tensor, -1));
    const guesses = Array.from(await classes.data());
    tf.dispose([input, classes]);
    model.dispose();
    await removePretrained(record);
    return guesses;
  },

  /** Converts in the page, and loads what came out as an application would. */
  convert: async () => {
    const tensors = await readAll(at('plain.expected.safetensors'));
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
