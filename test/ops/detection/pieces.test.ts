/** Operations of detection against the goldens: boxes, overlaps, suppression, anchors, regions, masks. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { gridAnchors } from '../../../src/ops/detection/anchors';
import { assignBoxes } from '../../../src/ops/detection/assignment';
import { clipBoxes, decodeBoxes, encodeBoxes } from '../../../src/ops/detection/box_deltas';
import { boxOverlaps, generalizedOverlap } from '../../../src/ops/detection/box_overlap';
import { smoothL1 } from '../../../src/ops/detection/losses';
import { maskTargets, pasteBinaryMask, pasteMask } from '../../../src/ops/detection/masks';
import { suppressed } from '../../../src/ops/detection/nms';
import { regionLevels, roiAlign } from '../../../src/ops/detection/roi_align';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import {
  describeGoldens,
  type GoldenTensor,
  HAVE_GOLDENS,
  readGolden,
} from '../../support/goldens';
import { goldenTensor } from '../../weights/support/golden_model';
import { tapeGradients, type TensorFunction } from '../gradient_check';

const golden = HAVE_GOLDENS
  ? readGolden('dense_pieces.safetensors')
  : { tensors: new Map<string, GoldenTensor>(), metadata: {} };
const data = (name: string) => (golden.tensors.get(name) as GoldenTensor).data;
const shape = (name: string) => (golden.tensors.get(name) as GoldenTensor).shape;
const numbers = (name: string) => Array.from(data(name));
const scales = [0.1, 0.1, 0.2, 0.2] as const;

/** Value and gradient of the first argument against golden ones, in a tidy. */
function compare(name: string, got: tf.Tensor, tolerance = 1e-5): void {
  const expected = goldenTensor(golden, name);
  expectClose(got, expected, tolerance, name);
}

describeGoldens('operations of detection', () => {
  describeBackends('tensors', (backend) => {
    const of = (name: string) => goldenTensor(golden, name);

    test('boxes and deltas, overlaps, smooth L1', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const decoded = decodeBoxes(of('decode.boxes'), of('decode.deltas'), scales);
          compare('decode.out', decoded);
          compare('decode.clipped', clipBoxes(decoded, [50, 60]));
          compare('encode.out', encodeBoxes(of('encode.boxes'), of('encode.targets'), scales));
          compare('iou.out', boxOverlaps(of('iou.a'), of('iou.b')));
          const [a, b] = [of('giou.a'), of('giou.b')];
          compare('giou.out', generalizedOverlap(a, b));
          // The golden gradient is that of a loss, 1 - overlap.
          const [dA] = tapeGradients(
            generalizedOverlap as TensorFunction,
            [a, b],
            tf.fill([7], -1),
          );
          compare('giou.grad_a', dA as tf.Tensor);
          compare('smooth_l1.out', smoothL1(of('smooth_l1.x'), of('smooth_l1.target'), 1 / 9));
        }),
      );
    });

    // Ten seconds each, in plain JavaScript.
    const sizes = backend === 'cpu' && !process.env.REVCOL_LONG ? [7] : [7, 14];
    test.each(sizes)('RoIAlign of %d bins a side', async (size) => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const align = (x: tf.Tensor) =>
            roiAlign([x], { regions: data('roi.rois'), strides: [4], size });
          const x = of('roi.x');
          compare(`roi.${size}.out`, align(x));
          const [dx] = tapeGradients(align, [x], of(`roi.${size}.upstream`));
          compare(`roi.${size}.grad_x`, dx as tf.Tensor);
        }),
      );
    });
  });

  test('suppression: of equal scores the first, an overlap of the threshold stays, by groups', () => {
    const [boxes, scores] = [data('nms.boxes'), data('nms.scores')];
    const kept = suppressed(boxes, scores, { threshold: 0.5 });
    expect(Array.from(kept)).toEqual(numbers('nms.keep'));
    const groups = data('nms.group');
    const grouped = suppressed(boxes, scores, { threshold: 0.5, groups });
    expect(Array.from(grouped)).toEqual(numbers('nms.keep_grouped'));
    const few = suppressed(boxes, scores, { threshold: 0.5, groups, most: 5 });
    expect(few).toEqual(grouped.slice(0, 5));
  });

  test('anchors', () => {
    const shapes = { scales: [8], ratios: [0.5, 1, 2] };
    [4, 8, 16, 32, 64].forEach((stride, i) =>
      expectClose(gridAnchors([1, 1], stride, shapes), data(`anchors.base.${i}`), 1e-6),
    );
    expectClose(gridAnchors([3, 4], 8, shapes), data('anchors.grid'), 1e-6);
  });

  test('levels of regions', () => {
    const levels = regionLevels(data('levels.rois'), 4, 56);
    expect(Array.from(levels)).toEqual(numbers('levels.out'));
  });

  test('assignment', () => {
    const [boxes, truths] = [data('assign.boxes'), data('assign.truths')];
    const rpn = assignBoxes(boxes, truths, { positive: 0.7, negative: 0.3, lowQuality: 0.3 });
    expect(Array.from(rpn.assigned)).toEqual(numbers('assign.rpn'));
    expectClose(rpn.overlaps, data('assign.best'), 1e-6);
    [0.5, 0.6, 0.7].forEach((positive, i) => {
      const { assigned } = assignBoxes(boxes, truths, { positive, negative: positive });
      expect(Array.from(assigned)).toEqual(numbers(`assign.stage.${i}`));
    });
  });

  test('targets of masks', () => {
    const [count, height, width] = shape('mask_target.masks') as [number, number, number];
    const masks = Array.from({ length: count }, (_, i) => ({
      height,
      width,
      data: data('mask_target.masks').subarray(i * height * width, (i + 1) * height * width),
    }));
    const got = maskTargets(masks, data('mask_target.rois'), data('mask_target.which'), 28);
    expect(Array.from(got)).toEqual(numbers('mask_target.out'));
  });

  test('pasted masks', () => {
    const [count, side] = shape('paste.prob') as [number, number, number];
    const [, height, width] = shape('paste.out') as [number, number, number];
    for (let i = 0; i < count; i++) {
      const grid = data('paste.prob').subarray(i * side * side, (i + 1) * side * side);
      const box = data('paste.boxes').subarray(4 * i, 4 * i + 4);
      const expected = data('paste.out').subarray(i * height * width, (i + 1) * height * width);
      const soft = pasteMask(grid, side, box, [height, width]);
      expectClose(soft, expected, 1e-5, `mask ${i}`);
      const binary = pasteBinaryMask(grid, side, box, [height, width], 0.5);
      expect(Array.from(binary)).toEqual(Array.from(soft, (value) => Number(value >= 0.5)));
    }
  });
});
