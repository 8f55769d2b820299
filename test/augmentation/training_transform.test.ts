/** The published pipeline: its steps in their order, each a pure function of its seed. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { preprocess, type RgbImage, seededRandom, trainingTransform } from 'tfjs-revcol';
import { flipHorizontally } from '../../src/augmentation/flip_pixels';
import { augment, augmentationOf } from '../../src/augmentation/rand_augment';
import {
  CROP_RATIO,
  CROP_SCALE,
  cropAndResize,
  drawCrop,
} from '../../src/augmentation/random_resized_crop';
import { BACKENDS, describeBackends, expectNoLeak, useBackend } from '../support/backends';
import { syntheticImage } from '../support/synthetic_image';

const IMAGE = syntheticImage(70, 55);
const SIZE = [32, 24] as const;
/** None of the steps that draw. */
const PLAIN = {
  inputSize: SIZE,
  scale: [1, 1],
  ratio: [70 / 55, 70 / 55],
  flip: 0,
  randAugment: null,
  colorJitter: 0,
  erasing: null,
} as const;

const digest = (data: Uint8Array | Float32Array) =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')
    .slice(0, 16);

beforeAll(() => useBackend(BACKENDS[0] as string));

test('the published steps, one after the other', () => {
  const transform = trainingTransform({ inputSize: SIZE });
  const augmentation = augmentationOf('test', {
    policy: 'rand-m9-mstd0.5-inc1',
    fill: [124, 116, 104],
  });
  let erased = 0;
  for (let index = 0; index < 40; index++) {
    const random = seededRandom(1, 2, index);
    const crop = drawCrop(IMAGE, CROP_SCALE, CROP_RATIO, random.split(0));
    const cropped = cropAndResize(IMAGE, crop, SIZE);
    const isFlipped = random.split(1).uniform() < 0.5;
    const flipped = isFlipped ? flipHorizontally(cropped) : cropped;
    const pixels = augment(flipped, augmentation, random.split(2));
    expect(transform.pixels(IMAGE, seededRandom(1, 2, index))).toEqual(pixels);
    // Both parts are the whole, also where another thread has the second.
    const values = transform.values(IMAGE, seededRandom(1, 2, index));
    expect(transform.finish(pixels, seededRandom(1, 2, index))).toEqual(values);
    // Erasing changes some of the normalised values, in a quarter of the images.
    const x = preprocess(pixels, { inputSize: SIZE, crop: 'squash' });
    const differences = x.dataSync().filter((value, i) => value !== values[i]).length;
    x.dispose();
    if (differences === 0) continue;
    erased++;
    expect(differences / values.length).toBeGreaterThan(0.015);
    expect(differences / values.length).toBeLessThan(0.34);
  }
  expect(erased).toBeGreaterThan(3);
  expect(erased).toBeLessThan(18);
});

test('each step can be left out, and leaves what others draw as it is', () => {
  const of = (options: object) => trainingTransform({ ...PLAIN, ...options }).pixels(IMAGE, 5);
  const whole = of({});
  expect(whole).toEqual(cropAndResize(IMAGE, { left: 0, top: 0, width: 70, height: 55 }, SIZE));
  expect(of({ flip: 1 })).toEqual(flipHorizontally(whole));
  const jittered = of({ colorJitter: 0.4 });
  expect(jittered).not.toEqual(whole);
  expect(of({ colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 } })).toEqual(
    jittered,
  );
  // As in timm: no jitter beside RandAugment.
  const policy = 'rand-m9-n3-p1';
  const augmented = of({ randAugment: policy });
  expect(augmented).not.toEqual(whole);
  expect(of({ randAugment: { policy }, colorJitter: 0.4 })).toEqual(augmented);
  expect(of({ randAugment: policy, flip: 1e-9 })).toEqual(augmented);
});

test('the fill is the colour of the mean', () => {
  const options = {
    ...PLAIN,
    mean: [0.5, 0.25, 1],
    std: [0.5, 0.5, 0.5],
    randAugment: { operations: ['Rotate'], numOps: 1, probability: 1, magnitude: 10 },
  } as const;
  const corner = (image: RgbImage) => [...image.data.subarray(0, 3)];
  expect(corner(trainingTransform(options).pixels(IMAGE, 1))).toEqual([128, 64, 255]);
  const fill = [9, 8, 7] as const;
  const own = { ...options, randAugment: { ...options.randAugment, fill } };
  expect(corner(trainingTransform(own).pixels(IMAGE, 1))).toEqual([...fill]);
});

test('another process makes the same values', () => {
  const root = path.resolve(__dirname, '../..');
  const script = `
    import { createHash } from 'node:crypto';
    import { seededRandom } from './src/augmentation/random';
    import { trainingTransform } from './src/augmentation/training_transform';
    import { syntheticImage } from './test/support/synthetic_image';
    const transform = trainingTransform({ inputSize: [32, 24], erasing: { probability: 1 } });
    const hash = createHash('sha256');
    for (let i = 0; i < 20; i++) {
      hash.update(new Uint8Array(transform.values(syntheticImage(70, 55), seededRandom(3, i)).buffer));
    }
    process.stdout.write(hash.digest('hex'));`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const theirs = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  const transform = trainingTransform({ inputSize: SIZE, erasing: { probability: 1 } });
  const hash = createHash('sha256');
  for (let i = 0; i < 20; i++) {
    hash.update(new Uint8Array(transform.values(IMAGE, seededRandom(3, i)).buffer));
  }
  expect(theirs).toBe(hash.digest('hex'));
});

describeBackends('batches of the pipeline', () => {
  test('a batch is its images, and nothing else stays', async () => {
    const transform = trainingTransform({ inputSize: SIZE, erasing: { probability: 0.6 } });
    const images = [IMAGE, syntheticImage(30, 90), syntheticImage(24, 32)];
    const seeds = [seededRandom(1, 0), seededRandom(1, 1), 7];
    await expectNoLeak(async () => {
      const x = transform.batch(images, seeds);
      expect([x.shape, x.dtype]).toEqual([[3, 32, 24, 3], 'float32']);
      const values = (await x.data()) as Float32Array;
      const size = 32 * 24 * 3;
      images.forEach((image, i) => {
        const one = transform.values(image, seeds[i] as number);
        expect(digest(values.slice(size * i, size * (i + 1)))).toBe(digest(one));
      });
      x.dispose();
    });
  });
});

test('what cannot be is refused, before anything is made', () => {
  const transform = trainingTransform(PLAIN);
  const before = tf.memory().numTensors;
  const refuse = (f: () => unknown, message: string) => {
    expect(f).toThrow(message);
  };
  refuse(() => trainingTransform({ size: 224 } as never), "there is no option 'size'");
  refuse(() => trainingTransform({ randAugment: 'rand-x' }), "where nothing is called 'x'");
  refuse(
    () => trainingTransform({ randAugment: { seed: 1 } as never }),
    "trainingTransform: randAugment: there is no option 'seed'",
  );
  refuse(() => trainingTransform({ randAugment: 9 as never }), 'randAugment: options are 9');
  refuse(() => trainingTransform({ colorJitter: -1 }), 'brightness is -1');
  refuse(() => trainingTransform({ colorJitter: { gamma: 1 } as never }), 'no option');
  refuse(() => trainingTransform({ erasing: { prob: 1 } as never }), "no option 'prob'");
  refuse(() => trainingTransform({ erasing: 0.25 as never }), 'erasing: options are 0.25');
  refuse(() => trainingTransform({ flip: 2 }), 'flip is 2; expected a probability');
  refuse(() => trainingTransform({ inputSize: [0, 1] }), 'inputSize is [0, 1]');
  refuse(() => transform.finish(IMAGE, 1), 'an image of 70 x 55 pixels to finish');
  refuse(() => transform.batch([], []), '0 images and 0 seeds');
  refuse(() => transform.batch([IMAGE], []), '1 images and 0 seeds');
  refuse(() => transform.batch(IMAGE as never, []), 'expected a list of images');
  refuse(() => transform.pixels(IMAGE, 'a' as never), 'seed is "a"');
  expect(tf.memory().numTensors).toBe(before);
});
