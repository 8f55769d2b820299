import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, layerDecayGroups } from 'tfjs-revcol';
import { modelWeights } from '../../src/weights/names/model_weights';
import { expectNoLeak, useBackend } from '../support/backends';
import { describeGoldens, GOLDENS_DIR } from '../support/goldens';

interface Decay {
  lr_scale: number;
  weight_decay: number;
}

/** Narrow: layers and decay do not depend on the channels. */
const SHAPE = { inputShape: [32, 32, 3] as [number, number, number], channels: [2, 2, 2, 2] };

beforeAll(() => useBackend('cpu'));

describeGoldens('layer decay golden', () => {
  test.each(['tiny', 'base'])('revcol_%s: every weight has the published rates', (size) => {
    const published = (
      JSON.parse(fs.readFileSync(path.join(GOLDENS_DIR, 'layer_decay.json'), 'utf8')) as Record<
        string,
        Record<string, Decay>
      >
    )[size] as Record<string, Decay>;
    const model = createModel(`revcol_${size}` as 'revcol_tiny', SHAPE);
    const groups = layerDecayGroups(model);
    const names = [...modelWeights(model).mapped.keys()];
    expect([...names].sort()).toEqual(Object.keys(published).sort());
    names.forEach((name, i) => {
      const { lr_scale, weight_decay } = published[name] as Decay;
      const { learningRateScale, weightDecay } = groups[i] as (typeof groups)[number];
      expect({ name, weightDecay }).toEqual({ name, weightDecay: weight_decay });
      expect(learningRateScale).toBeCloseTo(lr_scale, 9);
    });
    // Those of segmentation and detection leave alphas out, and nothing else.
    for (const task of ['segmentation', 'detection'] as const) {
      const dense = layerDecayGroups(model, { task });
      const alphas = names.filter((name) => name.includes('alpha'));
      expect(alphas.length).toBeGreaterThan(15);
      names.forEach((name, i) => {
        const { weightDecay, ...rest } = groups[i] as (typeof groups)[number];
        const expected = alphas.includes(name) ? 0 : weightDecay;
        expect({ name, ...dense[i] }).toEqual({ ...rest, name, weightDecay: expected });
      });
    }
    model.dispose();
  });
});

test('a group fits its own weight only', () => {
  const model = createModel('revcol_tiny', { ...SHAPE, columns: 2, depths: [1, 1, 1, 1] });
  const groups = layerDecayGroups(model, { layerDecay: 0.5, weightDecay: 0.1 });
  const names = model.weights.map((w) => (w.read() as tf.Variable).name);
  expect(groups.length).toBe(names.length);
  for (const { names: pattern } of groups) {
    expect(names.filter((name) => new RegExp(pattern).test(name)).length).toBe(1);
  }
  // Stem 0, columns 2 + blocks 4: the classifier is layer 6.
  expect(Math.min(...groups.map((g) => g.learningRateScale as number))).toBe(2 ** -6);
  model.dispose();
});

test('options and other models are refused', async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  await expectNoLeak(() => {
    expect(() => layerDecayGroups(model, { layerDecay: 0 })).toThrow('layerDecay is 0');
    expect(() => layerDecayGroups(model, { weightDecay: -1 })).toThrow('weightDecay is -1');
    expect(() => layerDecayGroups(model, { task: 'dense' as never })).toThrow(
      "task is \"dense\"; expected one of 'classification', 'segmentation', 'detection'",
    );
    expect(() => layerDecayGroups(model)).toThrow('no weights of RevCol columns');
  });
  model.dispose();
});
