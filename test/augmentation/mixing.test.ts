/** Mixup and cutmix by their definitions: each label's shares tell what the images must be. */
import * as tf from '@tensorflow/tfjs';

import {
  cutmix,
  type Labels,
  type MixedBatch,
  mixup,
  mixupOrCutmix,
  seededRandom,
} from 'tfjs-revcol';
import { drawBox } from '../../src/augmentation/mixup';
import { describeBackends, expectNoLeak } from '../support/backends';
import { betaCdf, distance } from './distributions';

type Shape4 = [number, number, number, number];
const SHAPE: Shape4 = [6, 7, 5, 3];

/** No two values are the same, so that each tells where it comes from. */
function distinct(shape: Shape4): tf.Tensor4D {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor4d(
    Float32Array.from({ length: size }, (_, i) => i + 0.5),
    shape,
  );
}

/** Labels that tell their image: one class for each. */
const ownClasses = (batch: number) => Array.from({ length: batch }, (_, i) => i);

interface Read {
  images: number[][];
  labels: number[][];
}

async function read<T extends tf.Tensor>({ images, labels }: MixedBatch<T>): Promise<Read> {
  const flat = tf.tidy(() => tf.reshape(images, [images.shape[0] as number, -1]) as tf.Tensor2D);
  const result = { images: await flat.array(), labels: await labels.array() };
  tf.dispose([flat, images, labels]);
  return result;
}

/** Share of image i in row i, where every image has a class of its own. */
const shareOf = (labels: readonly number[][], i: number) => (labels[i] as number[])[i] as number;

/** A batch mixed once, on disposable tensors. */
async function mixed(
  f: (images: tf.Tensor4D, labels: Labels) => MixedBatch<tf.Tensor4D>,
  shape = SHAPE,
): Promise<Read & { before: number[][] }> {
  const images = distinct(shape);
  const before = tf.tidy(() => tf.reshape(images, [shape[0], -1]).arraySync()) as number[][];
  const result = await read(f(images, ownClasses(shape[0])));
  images.dispose();
  return { ...result, before };
}

/** Asserts that image i is blended of itself and its partner by the share of its label. */
function expectBlended({ images, labels, before }: Read & { before: number[][] }, i: number) {
  const partner = before[before.length - 1 - i] as number[];
  const share = shareOf(labels, i);
  const errors = (images[i] as number[]).map((value, at) => {
    const own = (before[i] as number[])[at] as number;
    return Math.abs(value - share * own - (1 - share) * (partner[at] as number));
  });
  expect(Math.max(...errors)).toBeLessThan(1e-3);
}

/** Asserts that a rectangle of image i is its partner's, with exactly the share of its label; gives its pixels. */
function expectPasted({ images, labels, before }: Read & { before: number[][] }, i: number) {
  const [, height, width, channels] = SHAPE;
  const pasted: number[] = [];
  for (let pixel = 0; pixel < height * width; pixel++) {
    const at = (rows: number[][], row: number) =>
      (rows[row] as number[]).slice(channels * pixel, channels * (pixel + 1)).join();
    const isOwn = at(images, i) === at(before, i);
    if (!isOwn) {
      expect(at(images, i)).toBe(at(before, before.length - 1 - i));
      pasted.push(pixel);
    }
  }
  const share = shareOf(labels, i);
  expect(Math.abs(share - (1 - pasted.length / (height * width)))).toBeLessThan(1e-6);
  const rows = new Set(pasted.map((pixel) => Math.floor(pixel / width)));
  const columns = new Set(pasted.map((pixel) => pixel % width));
  expect(pasted.length).toBe(rows.size * columns.size);
  return pasted;
}

describeBackends('mixing', () => {
  test('mixup of a whole batch', async () => {
    const batch = await mixed((x, y) => mixup(x, y, { numClasses: 6, seed: 7 }));
    // What a seed means: whether to mix, then the share.
    const random = seededRandom(7);
    random.uniform();
    const share = random.beta(0.8, 0.8);
    for (let i = 0; i < 6; i++) {
      expect(shareOf(batch.labels, i)).toBeCloseTo(share, 6);
      expectBlended(batch, i);
      expect((batch.labels[i] as number[])[5 - i]).toBeCloseTo(1 - share, 6);
    }
  });

  test.each(['batch', 'pair', 'elem'] as const)('mixup, mode %s', async (mode) => {
    const batch = await mixed((x, y) => mixup(x, y, { numClasses: 6, mode, seed: 8 }));
    for (let i = 0; i < 6; i++) expectBlended(batch, i);
    const shares = ownClasses(6).map((i) => shareOf(batch.labels, i));
    expect(new Set(shares).size).toBe({ batch: 1, pair: 3, elem: 6 }[mode]);
    if (mode === 'pair') expect(shares.slice(0, 3)).toEqual(shares.slice(3).reverse());
  });

  test.each(['batch', 'pair', 'elem'] as const)('cutmix, mode %s', async (mode) => {
    let clipped = 0;
    for (let seed = 0; seed < 8; seed++) {
      const batch = await mixed((x, y) => cutmix(x, y, { numClasses: 6, mode, seed }));
      const boxes = ownClasses(6).map((i) => expectPasted(batch, i).join());
      if (mode === 'batch') expect(new Set(boxes).size).toBe(1);
      if (mode === 'pair') expect(boxes.slice(0, 3)).toEqual(boxes.slice(3).reverse());
      if (mode === 'elem') expect(new Set(boxes).size).toBeGreaterThan(1);
      clipped += boxes.filter((box) => /^0,/.test(box)).length;
    }
    expect(clipped).toBeGreaterThan(0);
  });

  test('mixupOrCutmix, image by image, is one or the other', async () => {
    const counts = { blended: 0, pasted: 0 };
    for (let seed = 0; seed < 12; seed++) {
      const batch = await mixed((x, y) =>
        mixupOrCutmix(x, y, { numClasses: 6, mode: 'elem', seed }),
      );
      batch.images.forEach((values, i) => {
        const own = batch.before[i] as number[];
        const partner = batch.before[5 - i] as number[];
        const isPasted = values.every((value, at) => value === own[at] || value === partner[at]);
        if (isPasted) expectPasted(batch, i);
        else expectBlended(batch, i);
        counts[isPasted ? 'pasted' : 'blended']++;
      });
    }
    expect(counts.blended).toBeGreaterThan(20);
    expect(counts.pasted).toBeGreaterThan(20);
  });

  test('an odd batch: the one in the middle is mixed with itself, or not at all', async () => {
    const shape: Shape4 = [3, 4, 4, 1];
    for (const mode of ['batch', 'pair', 'elem'] as const) {
      const batch = await mixed((x, y) => mixup(x, y, { numClasses: 3, mode, seed: 3 }), shape);
      expect((batch.labels[1] as number[])[1]).toBeCloseTo(1, 6);
      for (const i of [0, 2]) expectBlended(batch, i);
    }
  });

  test('with a probability, each pair is mixed or left as it is', async () => {
    let left = 0;
    for (let seed = 0; seed < 20; seed++) {
      const options = { numClasses: 6, mode: 'pair', probability: 0.4, seed } as const;
      const { images, labels, before } = await mixed((x, y) => mixupOrCutmix(x, y, options));
      for (let i = 0; i < 3; i++) {
        if (shareOf(labels, i) !== 1) continue;
        expect(images[i]).toEqual(before[i]);
        expect(images[5 - i]).toEqual(before[5 - i]);
        left++;
      }
    }
    // 60 pairs, 36 expected; a cutmix may be empty.
    expect(left).toBeGreaterThan(24);
    expect(left).toBeLessThan(50);
    const none = await mixed((x, y) => cutmix(x, y, { numClasses: 6, probability: 0, seed: 1 }));
    expect(none.images).toEqual(none.before);
  });

  test('labels: lists, integers, one-hot vectors and soft ones, smoothed before mixing', async () => {
    const images = distinct([4, 2, 2, 1]);
    const classes = [2, 0, 1, 2];
    const hot = classes.map((c) => [0, 1, 2].map((k) => Number(k === c)));
    const forms: Labels[] = [
      classes,
      Int32Array.from(classes),
      tf.tensor1d(classes, 'int32'),
      tf.tensor1d(classes, 'float32'),
      tf.tensor2d(hot),
      tf.tensor2d(hot, [4, 3], 'int32'),
    ];
    const random = seededRandom(5);
    random.uniform();
    const share = random.beta(0.8, 0.8);
    const smooth = (c: number, k: number) => (k === c ? 0.9 + 0.1 / 3 : 0.1 / 3);
    for (const labels of forms) {
      const options = { numClasses: 3, labelSmoothing: 0.1, seed: 5 };
      const { labels: got } = await read(mixup(images, labels, options));
      got.forEach((row, i) => {
        row.forEach((value, k) => {
          const [own, other] = [classes[i] as number, classes[3 - i] as number];
          const expected = share * smooth(own, k) + (1 - share) * smooth(other, k);
          expect(Math.abs(value - expected)).toBeLessThan(1e-6);
        });
      });
    }
    const soft = tf.tensor2d([
      [0.5, 0.5],
      [0.2, 0.8],
      [1, 0],
      [0, 1],
    ]);
    const { labels: got } = await read(cutmix(images, soft, { seed: 2 }));
    for (const row of got) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    tf.dispose([images, soft, ...forms.filter((form) => form instanceof tf.Tensor)]);
  });

  test('one class', () => {
    tf.tidy(() => {
      const { labels } = mixup(tf.ones([2, 1, 1, 1]), [0, 0], { numClasses: 1, seed: 1 });
      expect(labels.arraySync()).toEqual([[1], [1]]);
    });
  });

  test('images of integers, and batches of other ranks', async () => {
    const images = tf.tensor2d(
      [
        [0, 100],
        [200, 255],
      ],
      [2, 2],
      'int32',
    );
    const result = mixup(images, [0, 1], { numClasses: 2, seed: 1 });
    expect(result.images.dtype).toBe('float32');
    const { images: values, labels } = await read(result);
    const share = shareOf(labels, 0);
    expect((values[0] as number[])[0]).toBeCloseTo((1 - share) * 200, 3);
    images.dispose();
  });

  test('what is made is given back, and nothing else stays', async () => {
    const images = distinct(SHAPE);
    for (const f of [mixup, cutmix, mixupOrCutmix]) {
      for (const mode of ['batch', 'pair', 'elem'] as const) {
        for (const probability of [0, 0.5, 1]) {
          await expectNoLeak(async () => {
            const options = { numClasses: 6, labelSmoothing: 0.1, mode, probability, seed: 4 };
            await read(f(images, ownClasses(6), options));
          });
        }
      }
      await expectNoLeak(() => {
        expect(() => f(images, [0, 1, 2, 3, 4, 9], { numClasses: 6 })).toThrow('a label is 9');
      });
    }
    // The given ones are still there, and their values are as they were.
    expect((await images.data())[10]).toBe(10.5);
    images.dispose();
  });
});

describeBackends(
  'labels on backends that read at once',
  () => {
    test('a label that is no class', async () => {
      const images = distinct([2, 2, 2, 1]);
      const labels = tf.tensor1d([0, 3], 'int32');
      await expectNoLeak(() => {
        expect(() => mixup(images, labels, { numClasses: 3 })).toThrow(
          'mixup: a label is 3; expected integers from 0 to 2',
        );
      });
      tf.dispose([images, labels]);
    });
  },
  { only: ['cpu', 'wasm', 'tensorflow'] },
);

describeBackends(
  'distributions',
  () => {
    test('shares are of the beta distribution, the choice is even', async () => {
      const images = tf.tensor4d([0, 1], [2, 1, 1, 1]);
      const shares: number[] = [];
      for (let seed = 0; seed < 800; seed++) {
        const { labels } = await read(mixup(images, [0, 1], { numClasses: 2, seed }));
        shares.push(shareOf(labels, 0));
      }
      expect(distance(shares, betaCdf(0.8, 0.8))).toBeLessThan(1.95);
      images.dispose();
    });
  },
  { only: ['cpu'] },
);

test('boxes lie about any point, of the area that the share leaves, less what is outside', () => {
  const random = seededRandom(1);
  const [height, width] = [200, 300];
  const areas: number[] = [];
  let outside = 0;
  for (let i = 0; i < 20_000; i++) {
    const { top, bottom, left, right } = drawBox(height, width, random.uniform(), random);
    if (Math.min(top, left, height - bottom, width - right) < 0) outside++;
    areas.push(((bottom - top) * (right - left)) / (height * width));
  }
  expect(outside).toBe(0);
  // About a point anywhere, a side s of 1 keeps s - s^2 / 4 in the mean, and s^2 is uniform: the area kept is the mean of
  // (s - s^2 / 4)^2, which is 1/2 - 1/5 + 1/48.
  const average = areas.reduce((a, b) => a + b, 0) / areas.length;
  expect(Math.abs(average - (1 / 2 - 1 / 5 + 1 / 48))).toBeLessThan(0.006);
  // In the middle of a large image nothing is lost.
  const middle = Object.assign(seededRandom(1), { integer: (n: number) => n / 2 });
  expect(drawBox(200, 300, 0.75, middle)).toEqual({ top: 50, bottom: 150, left: 75, right: 225 });
});

test('what cannot be is refused with a sentence', () => {
  const images = tf.zeros([4, 3, 3, 1]) as tf.Tensor4D;
  const flat = tf.zeros([4, 3]);
  const wrong = tf.zeros([4, 2]);
  const refuse = (f: () => unknown, message: string) => {
    expect(f).toThrow(message);
  };
  const y = [0, 1, 2, 0];
  const numClasses = 3;
  refuse(() => mixup(images, y), 'mixup: numClasses is missing; labels that are integers');
  refuse(() => mixup(images, [0, 1], { numClasses }), 'labels of shape [2] for 4 images');
  refuse(
    () => mixup(images, wrong, { numClasses }),
    'mixup: labels of shape [4, 2] have 2 classes; numClasses is 3',
  );
  refuse(() => mixup(images, [0.5, 1, 2, 0], { numClasses }), 'a label is 0.5; expected integers');
  refuse(() => mixup(images, y, { numClasses, alpha: 0 }), 'mixup: alpha is 0; expected a number');
  refuse(() => mixup(images, y, { lambda: 1 } as never), "mixup: there is no option 'lambda'");
  refuse(
    () => cutmix(flat as never, y, { numClasses }),
    'cutmix: images is a tensor of shape [4, 3]; expected a tensor [batch, height, width, channels]',
  );
  refuse(() => mixup(tf.scalar(1), y, { numClasses }), 'expected a tensor [batch, ...]');
  refuse(
    () => mixupOrCutmix(images, y, { numClasses, mixupAlpha: 0, cutmixAlpha: 0 }),
    'mixupAlpha and cutmixAlpha are both 0',
  );
  refuse(
    () => mixupOrCutmix(images, y, { numClasses, switchProbability: 2 }),
    'switchProbability is 2; expected a probability in [0, 1]',
  );
  refuse(() => mixup(images, y, { numClasses, mode: 'half' as never }), "one of 'batch', 'pair'");
  refuse(
    () => mixup(images, y, { numClasses, labelSmoothing: 1 }),
    'labelSmoothing is 1; expected a number in [0, 1)',
  );
  refuse(
    () => mixup(images, y, { numClasses, seed: 1.5 }),
    'mixup: seed is 1.5; expected an integer',
  );
  tf.dispose([images, flat, wrong]);
});
