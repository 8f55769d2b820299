import * as tf from '@tensorflow/tfjs';

import { createModel, layers, scaleHeads } from 'tfjs-revcol';
import { expectClose, expectNoLeak, useBackend } from '../support/backends';
import { randomizeWeights } from '../support/training_step';

beforeAll(() => useBackend('cpu'));

const SMALL = {
  inputShape: [32, 32, 3] as [number, number, number],
  channels: [2, 2, 2, 2],
  depths: [1, 1, 1, 1],
  numClasses: 3,
};

test('kernels and biases of all classifiers, and nothing else', async () => {
  await expectNoLeak(() => {
    const model = createModel('revcol_tiny', { ...SMALL, intermediateSupervision: true });
    randomizeWeights(model.weights, 1);
    const before = new Map(model.weights.map((w) => [w.originalName, [...w.read().dataSync()]]));
    expect(scaleHeads(model)).toEqual(['head_0', 'head_1', 'head_2', 'head_3']);
    let scaled = 0;
    for (const weight of model.weights) {
      const old = before.get(weight.originalName) as number[];
      const isOfHead = /^head_\d\/.*(kernel|bias)$/.test(weight.originalName);
      if (isOfHead) scaled++;
      const expected = old.map((v) => (isOfHead ? v * 0.001 : v));
      expectClose(
        [...weight.read().dataSync()],
        expected,
        isOfHead ? 1e-6 : 0,
        weight.originalName,
      );
    }
    expect(scaled).toBe(8);
    model.dispose();
  });
});

test('layers by name, of any model', async () => {
  await expectNoLeak(() => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 2, inputShape: [3], name: 'first' }),
        tf.layers.activation({ activation: 'relu', name: 'relu' }),
        tf.layers.dense({ units: 2, name: 'top' }),
      ],
    });
    const before = model.getWeights().map((w) => [...w.dataSync()]);
    const now = () => model.getWeights().map((w) => [...w.dataSync()]);
    expect(() => scaleHeads(model)).toThrow('no layer of class RevColHead; give the names');
    expect(() => scaleHeads(model, { layers: ['last'] })).toThrow(
      "there is no layer 'last'; there are first, relu, top",
    );
    expect(() => scaleHeads(model, { layers: ['top', 'relu'] })).toThrow('neither kernel nor bias');
    expect(() => scaleHeads(model, { scale: -1 })).toThrow('scale is -1');
    expect(now()).toEqual(before);
    scaleHeads(model, { layers: ['top'], scale: 0.5 });
    expect(now()).toEqual(before.map((w, i) => (i < 2 ? w : w.map((v) => v / 2))));
    model.dispose();
  });
});

test('a model in a model', async () => {
  await expectNoLeak(() => {
    const model = tf.sequential({
      layers: [layers.revColHead({ units: 2, inputShape: [4, 4, 3] })],
    });
    expect(scaleHeads(model)).toHaveLength(1);
    model.dispose();
  });
});
