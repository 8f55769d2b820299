/** Goldens and training on webgpu in Node (docs/webgpu-node.md). */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  createModel,
  layers,
  loadCheckpoint,
  saveCheckpoint,
  trainingStep,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak, useBackend } from '../support/backends';
import { goldenErrors } from '../support/golden_network';
import { describeGoldens, GOLDENS_DIR } from '../support/goldens';
import { normalTensor, randomizeWeights } from '../support/training_step';

const WEBGPU = { only: ['webgpu'] };

describeGoldens('goldens', () => {
  describeBackends(
    'goldens in Node',
    () => {
      test.each(['reversible', 'stored'] as const)('outputs and %s gradients', async (mode) => {
        const at = (file: string) => path.join(GOLDENS_DIR, file);
        const { loaded, count, forward, worst, lossError } = await expectNoLeak(() =>
          goldenErrors(at, mode),
        );
        expect([loaded, count]).toEqual([288, 284]);
        expect(forward).toBeLessThan(1e-5);
        expect(lossError).toBeLessThan(1e-5);
        expect(worst).toBeLessThan(1e-4);
      });
    },
    WEBGPU,
  );
});

function makeModel(): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    columns: 3,
    channels: [4, 5],
    depths: [1, 1],
    patchSize: 2,
    inputShape: [8, 8, 3],
    numClasses: 3,
  });
  randomizeWeights(model.weights, 1);
  return model;
}

const valuesOf = (model: tf.LayersModel) =>
  Promise.all(model.weights.map(async (w) => (await w.read().data()).slice()));

describeBackends(
  'training in Node',
  (backend) => {
    /** Weights after some steps of AdamW. */
    async function trained() {
      const model = makeModel();
      const optimizer = new AdamW({ learningRate: 0.01 });
      for (let step = 0; step < 4; step++) {
        const x = normalTensor([2, 8, 8, 3], step);
        const loss = trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y)) as tf.Scalar);
        // A step that is waited for lets the alphas come in.
        expect((await loss.data())[0]).toBeGreaterThan(0);
        tf.dispose([x, loss]);
      }
      const values = await valuesOf(model);
      const saved = await saveCheckpoint(model);
      model.dispose();
      optimizer.dispose();
      return { values, saved };
    }

    test('four steps of AdamW come to what they come to on wasm, and are saved and loaded', async () => {
      const { values, saved } = await trained();
      const copy = makeModel();
      await loadCheckpoint(copy, saved);
      (await valuesOf(copy)).forEach((v, i) => expectClose(v, values[i] as tf.TypedArray, 0));
      copy.dispose();
      await useBackend('wasm');
      const expected = await trained();
      await useBackend(backend);
      values.forEach((v, i) => expectClose(v, expected.values[i] as tf.TypedArray, 1e-4));
    });

    test('a synchronous read is an error, and the package says what to do', async () => {
      const backbone = layers.revColBackbone({ columns: 3, channels: [4, 5], depths: [1, 1] });
      const x = normalTensor([1, 8, 8, 3], 1);
      const y = backbone.apply(x) as tf.Tensor;
      const warn = jest.spyOn(console, 'warn').mockImplementation();
      expect(() => y.dataSync()).toThrow('OffscreenCanvas');
      expect(warn.mock.calls.join()).toMatch(/synchronously reading data/);
      warn.mockRestore();
      expect(() => backbone.reconstructionError(x)).toThrow('await reconstructionErrorAsync');
      const errors = await backbone.reconstructionErrorAsync(x);
      expect(errors.flatMap(({ levels }) => levels).every((error) => error < 1e-5)).toBe(true);
      tf.dispose([x, y]);
      backbone.dispose();
    });
  },
  WEBGPU,
);
