/** How long pictures take from a file to a model's input, beside a training step of a small network. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { PNG } from 'pngjs';

import { AdamW, fitImage, seededRandom, trainingStep, trainingTransform } from 'tfjs-revcol';
import { decodeImage } from '../../src/pictures/decode_image';
import { type RgbImage, toRgb } from '../../src/preprocessing/image';
import { resizeBicubic } from '../../src/preprocessing/resize_bicubic';
import { startBackend } from '../contestants/backend';
import { buildModel } from '../contestants/build';
import type { Backend } from './contestants';
import { busyMs } from './machine';
import { type PictureResult, type PictureTimes, STEP } from './picture_results';
import type { Sample } from './statistics';
import { imageNetwork } from './workload';

const BATCH = 100;
const SIDE = 28;
const LARGE = 20;

/** A picture with the detail of a photograph: smooth shapes, and noise as of a sensor. */
function photograph(width: number, height: number, seed: number): RgbImage {
  const random = seededRandom(seed);
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.integer(256));
  const [w, h] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const { data } = resizeBicubic({ width: w, height: h, data: bytes(3 * w * h) }, width, height);
  const noisy = Uint8ClampedArray.from(data, (byte) => byte + 6 * random.normal());
  return { width, height, data: new Uint8Array(noisy.buffer) };
}

interface Encoder {
  encode(data: Uint8Array, width: number, height: number, options: object): Uint8Array;
}

/** The bytes of a JPEG of quality 90, chroma halved, as cameras and ImageNet have them. */
async function toJpeg({ width, height, data }: RgbImage): Promise<Uint8Array> {
  const { default: create } = await import('@jsquash/jpeg/codec/enc/mozjpeg_enc.js');
  const { defaultOptions } = await import('@jsquash/jpeg/meta.js');
  const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm');
  const wasmBinary = fs.readFileSync(file);
  const start = create as unknown as (settings: object) => Promise<Encoder>;
  const encoder = await start({ noInitialRun: true, wasmBinary });
  const rgba = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  return encoder.encode(rgba, width, height, { ...defaultOptions, quality: 90 }).slice();
}

/** The bytes of a PNG of grey pixels. */
function toGreyPng({ width, height, data }: RgbImage): Uint8Array {
  const png = new PNG({ width, height, colorType: 0 });
  for (let i = 0; i < width * height; i++) {
    const grey = data[3 * i] as number;
    png.data.set([grey, grey, grey, 255], 4 * i);
  }
  return PNG.sync.write(png, { colorType: 0 });
}

type Program = () => Promise<void>;

const decode = async (bytes: Uint8Array) => toRgb(await decodeImage(bytes, 'picture'));

/** Programs over pictures of one size; their results are thrown away. */
function picturePrograms(
  what: string,
  files: readonly Uint8Array[],
  side: number,
): [name: string, pictures: number, run: Program][] {
  const transform = trainingTransform({ inputSize: [side, side] });
  let epoch = 0;
  const each = (f: (image: RgbImage, i: number) => unknown): Program => {
    return async () => {
      epoch++;
      for (const [i, bytes] of files.entries()) f(await decode(bytes), i);
    };
  };
  return [
    [`${what}, decoded`, files.length, each(() => undefined)],
    [
      `${what}, decoded and fitted to ${side} x ${side}`,
      files.length,
      each((image) => fitImage(image, { inputSize: [side, side] })),
    ],
    [
      `${what}, decoded and augmented`,
      files.length,
      each((image, i) => transform.values(image, seededRandom(1, epoch, i))),
    ],
  ];
}

/** A training step of the network of the digits example at twice its width. */
function stepProgram(): { parameters: number; run: Program; end: () => void } {
  const network = imageNetwork('digits', 2, 2);
  const model = buildModel({ network, extent: SIDE }, 'reversible');
  const optimizer = new AdamW({ learningRate: 1e-4 });
  const x = tf.randomNormal([BATCH, SIDE, SIDE, network.inputChannels], 0, 1, 'float32', 1);
  const y = tf.tidy(() =>
    tf.oneHot(tf.randomUniform([BATCH], 0, 10, 'int32', 1) as tf.Tensor1D, 10),
  );
  const loss = (outputs: tf.Tensor | tf.Tensor[]) =>
    tf.losses.softmaxCrossEntropy(y, outputs as tf.Tensor) as tf.Scalar;
  return {
    parameters: model.countParams(),
    run: async () => {
      const value = trainingStep(model, optimizer, x, loss);
      await value.data();
      value.dispose();
    },
    end: () => {
      tf.dispose([x, y]);
      model.dispose();
      optimizer.dispose();
    },
  };
}

async function sample(run: Program, round: number): Promise<Sample> {
  const busyBefore = busyMs();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1000;
  const busyAfter = busyMs();
  const others =
    busyBefore === null || busyAfter === null
      ? null
      : Math.max(0, (busyAfter - busyBefore - cpuMs) / (ms * os.availableParallelism()));
  return { round, ms, cpuMs, others };
}

/** Runs that do not count: as many pictures as it takes until the code is compiled, a part of an epoch. */
const WARM_UPS = 20;

/** Times everything in turns, `rounds` times. */
export async function timePictures(
  backend: Backend,
  rounds: number,
  say: (line: string) => void,
): Promise<PictureResult> {
  await startBackend(backend);
  const large = await Promise.all(
    Array.from({ length: LARGE }, (_, i) => toJpeg(photograph(500, 375, i))),
  );
  const small = Array.from({ length: BATCH }, (_, i) => toGreyPng(photograph(SIDE, SIDE, i)));
  const step = stepProgram();
  const programs = [
    ...picturePrograms('JPEG of 500 x 375', large, 224),
    ...picturePrograms(`PNG of ${SIDE} x ${SIDE}`, small, SIDE),
    [STEP, BATCH, step.run] as const,
  ];
  const times: PictureTimes[] = programs.map(([name, pictures]) => ({
    name,
    pictures,
    samples: [],
  }));
  for (const [name, pictures, run] of programs) {
    const isSmall = pictures === BATCH && name !== STEP;
    for (let i = 0; i < (isSmall ? WARM_UPS : 2); i++) await run();
  }
  say('warm');
  for (let round = 0; round < rounds; round++) {
    for (const [i, [, , run]] of programs.entries()) {
      times[i]?.samples.push(await sample(run, round));
    }
    say(`round ${round + 1} of ${rounds}`);
  }
  step.end();
  return { backend, parameters: step.parameters, programs: times };
}
