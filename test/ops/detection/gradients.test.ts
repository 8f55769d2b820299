/** Operations of detection without goldens: gradients, edges, what is refused. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { gridAnchors } from '../../../src/ops/detection/anchors';
import { assignBoxes, sampleBoxes } from '../../../src/ops/detection/assignment';
import { clipBoxes, decodeBoxes, encodeBoxes } from '../../../src/ops/detection/box_deltas';
import { boxOverlaps, generalizedOverlap } from '../../../src/ops/detection/box_overlap';
import { scaledSum, smoothL1, takeRows } from '../../../src/ops/detection/losses';
import { maskTargets, pasteBinaryMask, pasteMask } from '../../../src/ops/detection/masks';
import { suppressed } from '../../../src/ops/detection/nms';
import { regionLevels, roiAlign } from '../../../src/ops/detection/roi_align';
import { seededRandom } from '../../../src/ops/engine/random';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';
import { checkGradients, type GradientCase, tapeGradients } from '../gradient_check';
import { plainDecode, plainEncode, plainOverlaps, plainRoiAlign } from './plain_detection';

/** Boxes of any numbers: corners that are in order. */
const toBoxes = (x: tf.Tensor): tf.Tensor => {
  const [low, high] = tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor];
  return tf.concat([low, tf.add(low, tf.add(tf.square(high), 1))], 1);
};
const scales = [0.5, 0.25, 0.3, 0.2] as const;

/** Three of a batch of two, one outside, one without height, one across the edge, one far larger. */
const REGIONS = [
  [0, 1.3, 2.1, 9.7, 17.2],
  [1, -30, -30, -20, -20],
  [1, 4, 5, 9, 5],
  [0, -3.2, 9.1, 11.9, 26],
  [1, -100, -40, 90, 55],
  [1, 6.1, 0.3, 7.2, 1.1],
].flat();
const LEVELS = [0, 0, 1, 1, 0, 1];

const CASES: GradientCase[] = [
  {
    name: 'deltas to boxes',
    op: (x, d) => decodeBoxes(toBoxes(x), d, scales),
    plain: (x, d) => plainDecode(toBoxes(x), d, scales),
    shapes: [
      [3, 4],
      [3, 8],
    ],
  },
  {
    name: 'boxes to deltas',
    op: (x, y) => encodeBoxes(toBoxes(x), toBoxes(y), scales),
    plain: (x, y) => plainEncode(toBoxes(x), toBoxes(y), scales),
    shapes: [
      [3, 4],
      [3, 4],
    ],
  },
  {
    name: 'overlaps of all pairs',
    op: (x, y) => boxOverlaps(toBoxes(x), toBoxes(y)),
    plain: (x, y) => plainOverlaps(toBoxes(x), toBoxes(y)),
    shapes: [
      [3, 4],
      [2, 4],
    ],
  },
  {
    name: 'generalised overlaps',
    op: (x, y) => generalizedOverlap(toBoxes(x), toBoxes(y)),
    shapes: [
      [5, 4],
      [5, 4],
    ],
  },
  {
    name: 'clipped boxes',
    op: (x) => clipBoxes(x, [0.8, 0.5]),
    plain: (x) => tf.minimum(tf.relu(x), tf.tensor1d([0.5, 0.8, 0.5, 0.8])),
    shapes: [[3, 4]],
  },
  {
    name: 'RoIAlign of two maps',
    op: (x, y) => roiAlign([x, y], { regions: REGIONS, levels: LEVELS, strides: [2, 5], size: 3 }),
    plain: (x, y) => plainRoiAlign([x, y], REGIONS, LEVELS, [2, 5], 3),
    shapes: [
      [2, 6, 5, 3],
      [2, 3, 4, 3],
    ],
  },
  {
    name: 'rows of a tensor',
    op: (x) => takeRows(x, 3, [5, 0, 5, 2]),
    plain: (x) => tf.gather(tf.reshape(x, [-1, 3]), tf.tensor1d([5, 0, 5, 2], 'int32')),
    shapes: [[2, 2, 6]],
  },
  {
    name: 'smooth L1',
    op: (x) => smoothL1(x, tf.tensor2d([[1, 0, -0.3]]), 0.5),
    shapes: [[4, 3]],
  },
  { name: 'a scaled sum', op: (x) => scaledSum(x, -3, 7), shapes: [[2, 3]] },
];

describeBackends('gradients of operations of detection', () => {
  test.each(CASES.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    await expectNoLeak(() => tf.tidy(() => checkGradients(c)));
  });

  test('far deltas are held, and have no gradient', () => {
    tf.tidy(() => {
      const boxes = tf.tensor2d([[0, 0, 16, 32]]);
      const far = tf.tensor2d([[0, 0, 50, -50]]);
      const out = decodeBoxes(boxes, far).dataSync();
      expectClose(out, [8 - 500, 16 - 0.256, 8 + 500, 16 + 0.256], 1e-6);
      const [, d] = tapeGradients((x, y) => decodeBoxes(x, y), [boxes, far], tf.ones([1, 4]));
      expect(Array.from(d?.dataSync() ?? [])).toEqual([32, 64, 0, 0]);
    });
  });

  test('no regions, and regions in many chunks', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = normalTensor([1, 60, 62, 70], 3);
        const none = roiAlign([x], { regions: [], strides: [1], size: 3 });
        expect(none.shape).toEqual([0, 3, 3, 70]);
        const box = [0, 0.2, 0.4, 61, 59.5];
        const one = roiAlign([x], { regions: box, strides: [1], size: 2 });
        // More windows of 62 x 60 pixels than a chunk holds.
        const regions = Array.from({ length: 20 }, () => box).flat();
        const many = roiAlign([x], { regions, strides: [1], size: 2 });
        expectClose(tf.slice(many, [19, 0, 0, 0], [1, 2, 2, 70]), one, 1e-6);
      }),
    );
  });

  test('no boxes', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const [boxes, deltas] = [tf.zeros([0, 4]), tf.zeros([0, 8])];
        const decoded = decodeBoxes(boxes, deltas);
        expect(decoded.shape).toEqual([0, 8]);
        const gradients = tapeGradients((x, y) => decodeBoxes(x, y), [boxes, deltas], decoded);
        expect(gradients.map((gradient) => gradient?.shape)).toEqual([[0, 4], [0, 8]]); // prettier-ignore
      }),
    );
  });

  test('what is refused', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = tf.ones([1, 4, 4, 2]);
        const align = (options: object) =>
          roiAlign([x], { regions: [0, 0, 0, 1, 1], strides: [4], size: 2, ...options });
        expect(() => align({ regions: [1, 0, 0, 1, 1] })).toThrow('the image of region 0 is 1');
        expect(() => align({ regions: [0, 0, 0, NaN, 1] })).toThrow('number 3 of regions 0 is NaN');
        expect(() => align({ regions: [0, -1e18, 0, 1, 1] })).toThrow(
          'regions[1] is -1000000000000000000',
        );
        expect(() => align({ regions: [0, 0, 0, 1] })).toThrow('5 for each box');
        expect(() => align({ levels: [1] })).toThrow('the level of region 0 is 1');
        expect(() => align({ levels: [] })).toThrow('0 levels for 1 regions');
        expect(() => align({ strides: [0] })).toThrow('strides[0] is 0');
        expect(() => align({ size: 0 })).toThrow('size is 0');
        expect(() => roiAlign([x, x], { regions: [], strides: [4], size: 2 })).toThrow('2 maps');
        expect(() => decodeBoxes(tf.ones([2, 4]), tf.ones([2, 5]))).toThrow('[n, 4 classes]');
        expect(() => decodeBoxes(tf.ones([2, 4]), tf.ones([2, 4]), [1, 1, 1, 0])).toThrow(
          'scales[3]',
        );
        expect(() => encodeBoxes(tf.ones([2, 4]), tf.ones([2, 8]))).toThrow(
          'targets of shape [2, 8]',
        );
        expect(() => generalizedOverlap(tf.ones([2, 4]), tf.ones([1, 4]))).toThrow('[n, 4] twice');
        expect(() => boxOverlaps(tf.ones([2, 4]), tf.ones([4]))).toThrow('[m, 4] and [n, 4]');
      }),
    );
  });
});

describe('decisions about boxes', () => {
  const square = (x: number, y: number, side: number) => [x, y, x + side, y + side];

  test('suppression: edges and what is refused', () => {
    expect(suppressed([], [], { threshold: 0.5 })).toHaveLength(0);
    const boxes = [square(0, 0, 2), square(0, 0, 1), square(5, 5, 0), square(5, 5, 0)].flat();
    // The overlap of the first two is 1/4; boxes without area overlap with nothing.
    const kept = (threshold: number) =>
      Array.from(suppressed(boxes, [1, 1, 0.5, 0.7], { threshold }));
    expect(kept(0.25)).toEqual([0, 1, 3, 2]);
    expect(kept(0.249)).toEqual([0, 3, 2]);
    expect(() => suppressed(boxes, [1], { threshold: 0.5 })).toThrow('scores has 1 entries');
    expect(() => suppressed(boxes, [1, NaN, 0, 0], { threshold: 0.5 })).toThrow('score 1 is NaN');
    expect(() => suppressed(boxes, [1, 1, 1, 1], { threshold: 2 })).toThrow('threshold is 2');
    expect(() => suppressed([1, 2, 3], [1], { threshold: 0 })).toThrow('4 for each box');
  });

  test('assignment without objects or boxes, and of equal overlaps', () => {
    const rules = { positive: 0.5, negative: 0.4, lowQuality: 0.1 };
    expect(Array.from(assignBoxes(square(0, 0, 2), [], rules).assigned)).toEqual([0]);
    expect(assignBoxes([], square(0, 0, 2), rules).assigned).toHaveLength(0);
    // Four quarters of an object: all overlap alike, and all are its own.
    const quarters = [square(0, 0, 1), square(1, 0, 1), square(0, 1, 1), square(1, 1, 1)].flat();
    const both = [...square(0, 0, 2), ...square(10, 10, 2)];
    expect(Array.from(assignBoxes(quarters, both, rules).assigned)).toEqual([1, 1, 1, 1]);
    const far = assignBoxes(quarters, both, { positive: 0.5, negative: 0.1 });
    expect(Array.from(far.assigned)).toEqual([-1, -1, -1, -1]);
    expect(() => assignBoxes(quarters, both, { positive: 0.3, negative: 0.5 })).toThrow('negative');
  });

  test('samples: as many as there are to be, by the seed, without those of neither', () => {
    const assigned = Int32Array.from({ length: 300 }, (_, i) => (i % 3) - 1);
    const draw = (seed: number) =>
      sampleBoxes(assigned, { count: 50, positiveShare: 0.25 }, seededRandom(seed));
    const { positive, negative } = draw(4);
    expect([positive.length, negative.length]).toEqual([12, 38]);
    expect(positive.every((i) => assigned[i] === 1)).toBe(true);
    expect(negative.every((i) => assigned[i] === 0)).toBe(true);
    expect(new Set(negative).size).toBe(38);
    expect(draw(4)).toEqual({ positive, negative });
    expect(draw(5).positive).not.toEqual(positive);
    const all = sampleBoxes(assigned, { count: 1000, positiveShare: 0.5 }, Math.random);
    expect([all.positive.length, all.negative.length]).toEqual([100, 100]);
    // Each is drawn about as often as the others.
    const counts = new Array<number>(300).fill(0);
    for (let seed = 0; seed < 400; seed++) {
      for (const i of draw(seed).positive) counts[i] = (counts[i] as number) + 1;
    }
    const drawn = counts.filter((_, i) => assigned[i] === 1);
    // 400 draws with a share of 0.12: mean 48, deviation 6.5.
    expect(Math.min(...drawn)).toBeGreaterThan(48 - 5 * 6.5);
    expect(Math.max(...drawn)).toBeLessThan(48 + 5 * 6.5);
  });

  test('levels of empty and turned boxes; anchors of no place', () => {
    expect(Array.from(regionLevels([0, 5, 5, 5, 9, 0, 9, 0, 0, 900], 4, 56))).toEqual([0, 0]);
    expect(gridAnchors([0, 3], 4, { scales: [8], ratios: [1] })).toHaveLength(0);
    expect(() => gridAnchors([1, 1], 4, { scales: [], ratios: [1] })).toThrow('scales is empty');
  });

  test('masks of empty boxes, boxes outside, and boxes of one pixel', () => {
    const mask = { height: 3, width: 4, data: [0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0] };
    const boxes = [...[1, 0, 3, 2], ...[2, 2, 2, 2], ...[9, 9, 12, 12], ...[0, 0, 1, 1]];
    const targets = maskTargets([mask], boxes, [0, 0, 0, 0], 2);
    expect(Array.from(targets)).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(() => maskTargets([mask], boxes, [0, 0, 1, 0], 2)).toThrow('region 2 is of mask 1');
    expect(() => maskTargets([{ ...mask, width: 5 }], [], [], 2)).toThrow('height * width');
    const paste = (box: number[]) => Array.from(pasteMask([1, 1, 1, 1], 2, box, [2, 3]));
    expect(paste([1, 0, 2, 1])).toEqual([0, 1, 0, 0, 0, 0]);
    expect(paste([1, 1, 1, 2])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(paste([-9, -9, -5, -5])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(Array.from(pasteBinaryMask([1, 1, 1, 1], 2, [1, 0, 2, 1], [2, 3], 0.5))).toEqual([
      0, 1, 0, 0, 0, 0,
    ]);
  });
});
