/** The golden Cascade Mask R-CNN finds here what it finds in PyTorch, step by step. */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { loadCheckpoint } from 'tfjs-revcol';
import { type BatchImage, maskGrids, objectsOf } from '../../src/models/cascade';
import {
  anchorsOf,
  detectorParts,
  firstOutputs,
  regionFeatures,
} from '../../src/models/detector_parts';
import { proposalsOf } from '../../src/models/proposals';
import { clipBoxes, decodeBoxes } from '../../src/ops/detection/box_deltas';
import { pasteBinaryMask, pasteMask } from '../../src/ops/detection/masks';
import { regionLevels } from '../../src/ops/detection/roi_align';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import {
  describeGoldens,
  type Golden,
  GOLDENS_DIR,
  type GoldenTensor,
  readGolden,
} from '../support/goldens';
import { goldenDetector } from './support/golden_detector';
import { goldenTensor } from './support/golden_model';

const TOLERANCE = 1e-4;

const json = (golden: Golden, key: string) => JSON.parse(golden.metadata[key] ?? 'null') as never;

/** What the goldens were made with. */
interface GoldenConfig {
  finest_scale: number;
  rpn_test: { nms_pre: number; max_per_img: number; iou: number; min_size: number };
  test: { score: number; iou: number; max_per_img: number; mask: number };
}

interface GoldenMeta {
  img_shape: [number, number];
  ori_shape: [number, number];
  scale_factor: [number, number, number, number];
}

/** Backends that run it; cpu takes half a minute, so only where long tests are asked for. */
const WITHIN_REACH: readonly string[] = [
  'wasm',
  'tensorflow',
  'webgl',
  ...(process.env.REVCOL_LONG ? ['cpu'] : []),
];

describeGoldens('golden detectors', () => {
  describeBackends(
    'inference',
    () => {
      test.each(['.pth', '.weights.safetensors'])('from %s', async (format) => {
        const golden = readGolden('cascade.expected.safetensors');
        const data = (key: string) => (golden.tensors.get(key) as GoldenTensor).data;
        const config = json(golden, 'config') as GoldenConfig;
        const metas = json(golden, 'metas') as GoldenMeta[];
        const model = goldenDetector(golden);
        const report = await loadCheckpoint(model, path.join(GOLDENS_DIR, `cascade${format}`));
        expect(report.loaded).toHaveLength(model.weights.length);
        expect([...report.missing, ...report.unexpected]).toEqual([]);
        if (format === '.pth') expect(report.classes).toHaveLength(json(golden, 'classes'));
        const parts = detectorParts('test', model);
        const { units, deltaScales } = parts.heads;
        const images = metas.map(({ img_shape, scale_factor }): BatchImage => ({
          size: img_shape,
          scale: [scale_factor[0], scale_factor[1]],
        }));
        const close = (got: tf.Tensor | ArrayLike<number>, key: string) => {
          const expected = goldenTensor(golden, key);
          expectClose(got, got instanceof tf.Tensor ? expected : data(key), TOLERANCE, key);
          expected.dispose();
        };
        const equal = (got: ArrayLike<number>, key: string) =>
          expect([key, ...Array.from(got)]).toEqual([key, ...Array.from(data(key))]);
        await expectNoLeak(async () => {
          const x = goldenTensor(golden, 'x');
          const first = firstOutputs(parts, x);
          tf.tidy(() => {
            const levels = model.getLayer('backbone').apply(x) as tf.Tensor[];
            levels.forEach((level, l) => close(level, `backbone.${l}`));
          });
          first.maps.forEach((map, l) => close(map, `fpn.${l}`));
          first.objectness.forEach((map, l) => close(map, `rpn_cls.${l}`));
          first.deltas.forEach((map, l) => close(map, `rpn_reg.${l}`));
          const anchors = anchorsOf(parts, first);
          anchors.forEach((boxes, l) => close(boxes, `anchors.${l}`));
          const { rpn_test: rpn, test: test_ } = config;
          const settings = {
            perLevel: rpn.nms_pre,
            most: rpn.max_per_img,
            threshold: rpn.iou,
            leastSide: rpn.min_size,
          };
          const sizes = images.map(({ size }) => size);
          const proposals = await proposalsOf(first, anchors, sizes, settings);
          proposals.forEach(({ boxes, scores, levels }, i) => {
            close(boxes, `image.${i}.proposals`);
            close(scores, `image.${i}.proposal_scores`);
            equal(levels, `image.${i}.proposal_levels`);
          });
          const objects = await objectsOf(
            parts,
            first.maps,
            proposals.map(({ boxes }) => boxes),
            images,
            { score: test_.score, threshold: test_.iou, most: test_.max_per_img },
            ({ head, regions, logits, deltas }) => {
              close(regions, `stage.${head}.rois`);
              equal(regionLevels(regions, 4, config.finest_scale), `stage.${head}.roi_levels`);
              if (head === 0) {
                tf.tidy(() =>
                  close(regionFeatures(parts, first.maps, regions, 7), 'stage.0.features'),
                );
              }
              close(logits, `stage.${head}.cls`);
              close(deltas, `stage.${head}.reg`);
              if (head < 2) {
                const best = tf.tidy(() =>
                  tf.argMax(tf.slice(logits, [0, 0], [-1, units]), 1).dataSync(),
                );
                equal(best, `stage.${head}.labels`);
                return;
              }
              tf.tidy(() => {
                const all = tf.tensor2d(regions, [regions.length / 5, 5]);
                const decoded = decodeBoxes(tf.slice(all, [0, 1], [-1, 4]), deltas, deltaScales[2]);
                const each = decoded.shape[0] / images.length;
                sizes.forEach((size, i) => {
                  const own = tf.slice(decoded, [i * each, 0], [each, -1]);
                  close(clipBoxes(own, size), `image.${i}.decoded`);
                });
              });
            },
          );
          objects.forEach(({ boxes, scores, labels }, i) => {
            equal(labels, `image.${i}.labels`);
            close(boxes, `image.${i}.boxes`);
            close(scores, `image.${i}.scores`);
          });
          const grids = await maskGrids(parts, first.maps, objects);
          close(
            grids.flatMap((grid) => Array.from(grid)),
            'mask.probabilities',
          );
          grids.forEach((grid, i) => {
            const size = (metas[i] as GoldenMeta).ori_shape;
            const pixels = size[0] * size[1];
            const [soft, hard] = [data(`image.${i}.soft_masks`), data(`image.${i}.masks`)];
            const { boxes, labels } = objects[i] as (typeof objects)[number];
            labels.forEach((_, k) => {
              const own = grid.subarray(k * 784, (k + 1) * 784);
              const box = boxes.subarray(4 * k, 4 * k + 4);
              const expected = soft.subarray(k * pixels, (k + 1) * pixels);
              expectClose(pasteMask(own, 28, box, size), expected, TOLERANCE, `mask ${i} ${k}`);
              pasteBinaryMask(own, 28, box, size, 0.5).forEach((value, p) => {
                if (Math.abs((expected[p] as number) - 0.5) < 1e-4) return;
                if (value !== hard[k * pixels + p]) throw new Error(`mask ${i} ${k}: pixel ${p}`);
              });
            });
          });
          tf.dispose([x, ...first.maps, ...first.objectness, ...first.deltas]);
        });
        model.dispose();
      });
    },
    { only: WITHIN_REACH },
  );
});
