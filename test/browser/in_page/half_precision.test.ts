/** 16-bit textures, which some phones have no better than. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, createModel, trainingStep } from 'tfjs-revcol';
import { restartBackend } from '../../../src/ops/engine/lost_backend';
import { describeBackends, expectNoLeak, relativeError } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';

const HALF = { WEBGL_FORCE_F16_TEXTURES: true, WEBGL_RENDER_FLOAT32_ENABLED: false };

function makeModel(backprop: 'reversible' | 'stored'): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    columns: 4,
    channels: [8, 16],
    depths: [1, 1],
    inputShape: [16, 16, 3],
    numClasses: 5,
    backprop,
  });
  randomizeWeights(model.weights, 1);
  return model;
}

async function logits(): Promise<Float32Array> {
  const model = makeModel('reversible');
  const x = normalTensor([2, 16, 16, 3], 3);
  const y = model.predict(x) as tf.Tensor;
  const values = (await y.data()).slice() as Float32Array;
  tf.dispose([x, y]);
  model.dispose();
  return values;
}

const loss = (y: tf.Tensor) => tf.mean(tf.square(y)) as tf.Scalar;

describeBackends(
  '16-bit textures',
  () => {
    let exact: Float32Array;

    beforeAll(async () => {
      exact = await logits();
      for (const [flag, value] of Object.entries(HALF)) tf.env().set(flag, value);
      await restartBackend();
    });

    afterAll(async () => {
      for (const [flag, value] of Object.entries(HALF)) tf.env().set(flag, !value);
      await restartBackend();
      expect(relativeError(await logits(), exact)).toBe(0);
    });

    test('infer to some three digits', async () => {
      const error = relativeError(await logits(), exact);
      // Really 16 bits: float32 is off by 1e-6.
      expect(error).toBeGreaterThan(1e-5);
      expect(error).toBeLessThan(5e-3);
    });

    test('train neither reversibly nor by AdamW, and say what to do', async () => {
      const message = /32-bit numbers.*WEBGL_FORCE_F16_TEXTURES is true.*tf\.setBackend\('wasm'\)/;
      const x = normalTensor([2, 16, 16, 3], 3);
      const [reversible, stored] = [makeModel('reversible'), makeModel('stored')];
      const weights = () => [...(stored.weights[0]?.read().dataSync() as Float32Array)];
      const before = weights();
      const sgd = tf.train.sgd(0.1);
      await expectNoLeak(() => {
        expect(() => trainingStep(reversible, sgd, x, loss)).toThrow(message);
        const optimizer = new AdamW();
        expect(() => trainingStep(stored, optimizer, x, loss)).toThrow(message);
        optimizer.dispose();
      });
      // They are as they were but for their 11 digits, until one does step.
      expect(relativeError(weights(), before)).toBeLessThan(1e-3);
      const value = trainingStep(stored, sgd, x, loss);
      expect((await value.data())[0]).toBeGreaterThan(0);
      expect(relativeError(weights(), before)).toBeGreaterThan(1e-3);
      tf.dispose([x, value]);
      [reversible, stored].forEach((model) => model.dispose());
      sgd.dispose();
    });
  },
  { only: ['webgl'] },
);
