/** `fineTune` from beginning to end: models, what is trained, results, leaks. */
import * as tf from '@tensorflow/tfjs';

import {
  createModel,
  fineTune,
  type FineTuneEpoch,
  loadCheckpoint,
  saveCheckpoint,
} from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
import { pictures, SIDE, stockModel, TINY, tinyModel, weightsOf } from './support';

const FEW = { epochs: 6, batch: 8, learningRate: 0.01, seed: 1 };

describeBackends('fineTune', () => {
  test('a name: trains from random weights, and leaves nothing behind', async () => {
    await expectNoLeak(async () => {
      const told: FineTuneEpoch[] = [];
      const result = await fineTune({ name: 'revcol_tiny', ...TINY }, pictures(32), {
        ...FEW,
        learningRate: 0.02,
        onEpoch: (epoch) => void told.push(epoch),
      });
      const { model, classNames, evaluation, history, epochHistory } = result;
      const { best, stopped, steps, places } = result;
      expect(classNames).toEqual(['top', 'bottom']);
      expect(evaluation?.top1).toBeGreaterThan(0.9);
      expect(evaluation?.examples).toBe(6);
      expect(stopped).toBe('epochs');
      expect(places).toBeNull();
      expect(steps).toBe(18);
      expect(history.at(-1)).toMatchObject({ step: 18, epoch: 6, phase: 'all' });
      expect(epochHistory.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(epochHistory).toEqual(told);
      expect(best?.accuracy).toBe(evaluation?.top1);
      expect(model.getUserDefinedMetadata()).toMatchObject({ classNames, crop: 'squash' });
      model.dispose();
    });
  });

  test('a given model with as many classes is trained itself', async () => {
    const given = tinyModel();
    const { model } = await fineTune(given, pictures(32), FEW);
    expect(model).toBe(given);
    model.dispose();
  });

  test('of pictures that are cut as their size says, the cut is saved', async () => {
    const inputShape = [72, 72, 3] as [number, number, number];
    const given = createModel('revcol_tiny', { ...TINY, patchSize: 8, inputShape, numClasses: 2 });
    const { model } = await fineTune(given, pictures(4), { ...FEW, epochs: 1, augment: 'none' });
    const facts = { crop: 'center', interpolation: 'bicubic', upright: true };
    expect(model.getUserDefinedMetadata()).toMatchObject(facts);
    model.dispose();
  });

  test('through a checkpoint it goes on by the names of the classes', async () => {
    const options = { ...FEW, epochs: 4, preprocessing: { mean: [0.2, 0.2, 0.2] } as const };
    const { model: first } = await fineTune(tinyModel(), pictures(32), options);
    const given = tinyModel();
    await loadCheckpoint(given, await saveCheckpoint(first));
    // The same classes in another order, of which the model's numbers stay.
    const turned = pictures(
      32,
      ['bottom', 'top'],
      Array.from({ length: 32 }, (_, i) => 1 - (i % 2)),
    );
    const again = await fineTune(given, turned, { ...FEW, epochs: 1, learningRate: 1e-9 });
    expect(again.model).toBe(given);
    expect(again.classNames).toEqual(['top', 'bottom']);
    expect(again.settings['input']).toMatchObject({ mean: [0.2, 0.2, 0.2], crop: 'squash' });
    first.dispose();
    given.dispose();
  });

  test('labels without names are the numbers of the classes that the model names', async () => {
    const given = tinyModel();
    given.setUserDefinedMetadata({ classNames: ['up', 'down'] });
    const x = tf.randomUniform([8, SIDE, SIDE, 3], -1, 1, 'float32', 1);
    const y = tf.tensor1d([0, 1, 0, 1, 0, 1, 0, 1], 'int32');
    const unnamed = { ...FEW, epochs: 1, augment: 'none', validation: 0 } as const;
    const { model, classNames } = await fineTune(given, { x, y }, unnamed);
    expect(model).toBe(given);
    expect(classNames).toEqual(['up', 'down']);
    expect(model.getUserDefinedMetadata()).toMatchObject({ classNames });
    tf.dispose([x, y]);
    given.dispose();
  });

  test('a given model of other classes shares its layers with the result', async () => {
    await expectNoLeak(async () => {
      const given = stockModel(3);
      const { model, evaluation } = await fineTune(given, pictures(40), FEW);
      expect(model).not.toBe(given);
      expect(model.outputs[0]?.shape).toEqual([null, 2]);
      expect(given.layers.slice(0, -1).every((layer) => model.layers.includes(layer))).toBe(true);
      expect(evaluation?.top1).toBeGreaterThan(0.9);
      given.dispose();
      const x = tf.zeros([1, SIDE, SIDE, 3]);
      const y = model.predict(x) as tf.Tensor;
      expect(y.shape).toEqual([1, 2]);
      tf.dispose([x, y]);
      model.dispose();
    });
  });

  test.each(['head', 'adapters'] as const)('%s: nothing else changes', async (train) => {
    await expectNoLeak(async () => {
      const given = tinyModel();
      const before = weightsOf(given);
      const { model } = await fineTune(given, pictures(16), { ...FEW, epochs: 2, train });
      const after = weightsOf(model);
      const changed = model.weights.filter((_, i) => String(after[i]) !== String(before[i]));
      const names = changed.map(({ originalName }) => originalName);
      if (train === 'head') expect(names.every((name) => name.startsWith('head/'))).toBe(true);
      else expect(names.every((n) => n.startsWith('head/') || n.endsWith('/kernel'))).toBe(true);
      expect(names).toContain('head/classifier/kernel');
      model.dispose();
    });
  });
});
