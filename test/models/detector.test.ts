/** Detectors: building, saving, detecting in pictures of any size, other backbones; what is refused. */
import * as tf from '@tensorflow/tfjs';

import {
  type CreateDetectorOptions,
  createModel,
  detect,
  type DetectOptions,
  layers,
} from 'tfjs-revcol';
import { withSeededRandom } from '../../src/ops/engine/random';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

const small = (options: CreateDetectorOptions = {}) =>
  createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    columns: 2,
    channels: [3, 4, 5],
    depths: [1, 0, 1],
    patchSize: 2,
    pyramidChannels: 4,
    hiddenChannels: 6,
    numClasses: 3,
    finestScale: 6,
    anchorScales: [4],
    ...options,
  });

/** Weights by which much is found: heads begin with deviations that leave all classes alike. */
function filled(model: tf.LayersModel): tf.LayersModel {
  randomizeWeights(model.weights, 5);
  return model;
}

/** An image of random bytes. */
function noise(width: number, height: number): { width: number; height: number; data: Uint8Array } {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919 + 13) % 256);
  return { width, height, data };
}

const FEW: DetectOptions = { shortSide: 16, longSide: 28, proposals: 12, maxDetections: 5 };

describeBackends('detectors', () => {
  test('objects of a picture: in it, sorted, of a class, with masks', async () => {
    await expectNoLeak(async () => {
      const model = filled(small());
      const fractions: number[] = [];
      const found = await detect(model, noise(45, 30), {
        ...FEW,
        onProgress: (fraction) => fractions.push(fraction),
      });
      expect([found.width, found.height]).toEqual([45, 30]);
      expect(found.classes).toEqual(['class 0', 'class 1', 'class 2']);
      expect(found.objects).toHaveLength(5);
      const scores = found.objects.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      for (const { box, score, label, name, mask } of found.objects) {
        const [x1, y1, x2, y2] = box;
        expect(x1 >= 0 && y1 >= 0 && x1 <= x2 && y1 <= y2 && x2 <= 45.01 && y2 <= 30.01).toBe(true);
        expect(score).toBeGreaterThan(0.05);
        expect(name).toBe(`class ${label}`);
        expect(mask).toHaveLength(45 * 30);
      }
      expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
      expect([...fractions].sort((a, b) => a - b)).toEqual(fractions);
      // A higher threshold leaves the same ones that are surer.
      const least = scores[2] as number;
      const surer = await detect(model, noise(45, 30), { ...FEW, scoreThreshold: least });
      expect(surer.objects.map(({ score }) => score)).toEqual(scores.slice(0, 2));
      const boxes = await detect(model, noise(45, 30), { ...FEW, masks: false });
      expect(boxes.objects.map(({ box }) => box)).toEqual(found.objects.map(({ box }) => box));
      expect(boxes.objects[0]?.mask).toBe(null);
      expect(JSON.stringify(found.objects[0])).not.toContain('mask');
      model.dispose();
    });
  });

  test('nothing is sure enough, or wanted', async () => {
    await expectNoLeak(async () => {
      const model = filled(small());
      const none = await detect(model, noise(9, 7), { ...FEW, scoreThreshold: 1 });
      expect(none.objects).toEqual([]);
      const zero = await detect(model, noise(9, 7), { ...FEW, maxDetections: 0 });
      expect(zero.objects).toEqual([]);
      model.dispose();
    });
  });

  test('a tensor is what its pixels are, normalised', async () => {
    await expectNoLeak(async () => {
      const model = filled(small());
      const picture = noise(24, 16);
      const x = tf.tidy(() =>
        tf.div(tf.tensor3d(Float32Array.from(picture.data), [16, 24, 3]), 255),
      );
      const options: DetectOptions = { ...FEW, mean: [0, 0, 0], std: [1, 1, 1] };
      const [a, b] = [await detect(model, picture, options), await detect(model, x, options)];
      x.dispose();
      expect(b.objects.map(({ label }) => label)).toEqual(a.objects.map(({ label }) => label));
      a.objects.forEach(({ box }, i) => expectClose(b.objects[i]?.box ?? [], box, 1e-4));
      model.dispose();
    });
  });

  test('other backbones, with other numbers of levels and heads', async () => {
    await expectNoLeak(async () => {
      const model = withSeededRandom(3, () => {
        const input = tf.input({ shape: [null, null, 1] });
        const conv = (filters: number) =>
          tf.layers.conv2d({ filters, kernelSize: 3, strides: 4, padding: 'same' });
        const first = conv(3).apply(input) as tf.SymbolicTensor;
        const second = conv(5).apply(first) as tf.SymbolicTensor;
        const maps = layers.fpn({ filters: 3, outputs: 2 }).apply([first, second]);
        const rpn = layers
          .rpnHead({ strides: [4, 16], anchorScales: [2], anchorRatios: [1] })
          .apply(maps as tf.SymbolicTensor[]) as tf.SymbolicTensor[];
        const boxes = tf.input({ shape: [3, 3, 3] });
        const masks = tf.input({ shape: [4, 4, 3] });
        const deltaScales = [[0.1, 0.1, 0.2, 0.2] as const];
        const heads = layers
          .cascadeHead({ units: 1, deltaScales, hidden: 4, convs: 1, strides: [4, 16] })
          .apply([boxes, masks]) as tf.SymbolicTensor[];
        return tf.model({ inputs: [input, boxes, masks], outputs: [...rpn, ...heads] });
      });
      randomizeWeights(model.weights, 2);
      const x = normalTensor([20, 12, 1], 1);
      const { objects } = await detect(model, x as tf.Tensor3D, { shortSide: 12, longSide: 20 });
      expect(objects.length).toBeGreaterThan(0);
      expect(objects.every(({ label }) => label === 0)).toBe(true);
      x.dispose();
      model.dispose();
    });
  });

  test('what is refused', async () => {
    await expectNoLeak(async () => {
      const model = small();
      const refused = (options: object, text: string, image: unknown = noise(8, 8)) =>
        expect(detect(model, image as never, options)).rejects.toThrow(text);
      await refused({ scoreThreshold: 2 }, 'scoreThreshold is 2');
      await refused({ maxDetections: -1 }, 'maxDetections is -1');
      await refused({ maskThreshold: 0 }, 'maskThreshold is 0');
      await refused({ masks: 1 }, 'masks is 1');
      await refused({ classes: ['a'] }, 'classes has 1 entries, but the model has 3');
      await refused({ dataset: 'COCO' }, "dataset 'COCO' has 80 classes, but the model has 3");
      await refused({ minScore: 1 }, "no option 'minScore'");
      await refused({}, 'image', { width: 2, height: 2, data: [1] });
      const vector = tf.zeros([1]);
      await refused({}, 'expected one image', vector);
      vector.dispose();
      const reason = new Error('stopped');
      const signal = AbortSignal.abort(reason);
      await expect(detect(model, noise(8, 8), { signal })).rejects.toBe(reason);
      const classifier = createModel('revcol_tiny', {
        columns: 1,
        channels: [2, 2],
        depths: [0, 0],
      });
      await expect(detect(classifier, noise(8, 8))).rejects.toThrow('0 layers RPNHead');
      const fixed = small({ inputShape: [16, 16, 3] });
      await expect(detect(fixed, noise(8, 16), FEW)).rejects.toThrow('the model takes images of');
      expect(() => small({ numClasses: 0 })).toThrow('numClasses is 0');
      expect(() => small({ deltaScales: [] })).toThrow('deltaScales is empty');
      expect(() => small({ anchorRatios: [0] })).toThrow('ratios[0] is 0');
      expect(() => small({ poolScales: [1] } as never)).toThrow("no option 'poolScales'");
      // All of them: without SIMD, tfjs's relu makes 0 of NaN on wasm.
      model.getLayer('rpn_head').weights.forEach((w) => {
        const variable = w.read() as tf.Variable;
        tf.tidy(() => variable.assign(tf.fill(variable.shape, NaN)));
      });
      await refused(FEW, 'the detector gives proposals that are not finite');
      [model, classifier, fixed].forEach((m) => m.dispose());
    });
  });
});

describeBackends(
  'saved detectors',
  () => {
    test('a copy detects the same', async () => {
      await expectNoLeak(async () => {
        const model = filled(
          small({ deltaScales: [[0.1, 0.2, 0.3, 0.4]], anchorRatios: [0.7, 1.3] }),
        );
        let saved: tf.io.ModelArtifacts | undefined;
        await model.save(
          tf.io.withSaveHandler(async (artifacts) => {
            saved = artifacts;
            return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
          }),
        );
        const copy = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
        const [a, b] = [
          await detect(model, noise(20, 16), FEW),
          await detect(copy, noise(20, 16), FEW),
        ];
        expect(b.objects.map(({ box, score }) => [box, score])).toEqual(
          a.objects.map(({ box, score }) => [box, score]),
        );
        expect(a.objects.length).toBeGreaterThan(0);
        model.dispose();
        copy.dispose();
      });
    });
  },
  { only: ['cpu', 'wasm'] },
);
