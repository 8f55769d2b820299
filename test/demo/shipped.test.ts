/** The weights that the page brings say of its pictures what they say of grey ones. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { saveCheckpoint } from 'tfjs-revcol/weights';
import { CLASS_NAMES } from '../../demo/src/shared/classes';
import { networkOptions, SHIPPED_COLUMNS } from '../../demo/src/shared/network';
import { makeModel, putWeights } from '../../demo/src/worker/model';
import { readShipped } from '../../demo/src/worker/shipped';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';

const SETTINGS = {
  data: 'fashion',
  columns: SHIPPED_COLUMNS,
  side: 28,
  backprop: 'reversible',
  seed: 3,
} as const;

/** A network of grey pictures that are normalised outside of it, as the weights were trained with. */
function greyNetwork(): tf.LayersModel {
  const { columns, channels, depths, patchSize, kernelSize } = networkOptions(SETTINGS);
  const block = layers.convNextBlock({ kernelSize, layerScaleInit: 1 });
  const options = { columns, channels, depths, patchSize, block };
  return tf.sequential({
    layers: [
      layers.revColBackbone({ name: 'backbone', ...options, inputShape: [28, 28, 1] }),
      layers.revColHead({ name: 'head', units: 10 }),
    ],
  });
}

describeBackends(
  'shipped weights',
  () => {
    test('give in colour what they give in grey', async () => {
      const grey = greyNetwork();
      const page = makeModel(SETTINGS, CLASS_NAMES.fashion);
      const other = makeModel({ ...SETTINGS, data: 'own' }, ['a', 'b']);
      try {
        await expectNoLeak(async () => {
          const file = (await saveCheckpoint(grey, undefined)) as Blob;
          const kept = await readShipped(file, 'fashion');
          expect(putWeights(page, kept)).toBe(true);
          // The backbone comes along, the head of other classes does not.
          expect(putWeights(other, kept)).toBe(false);
        });
        const { pixelMean, pixelStd } = networkOptions(SETTINGS);
        const [got, expected] = tf.tidy(() => {
          const x = tf.randomUniform([2, 28, 28, 1], 0, 255, 'float32', 9);
          const normalized = tf.div(tf.sub(x, pixelMean), pixelStd);
          return [page.predict(tf.tile(x, [1, 1, 1, 3])), grey.predict(normalized)];
        }) as [tf.Tensor, tf.Tensor];
        expectClose(got, expected, 1e-5);
        tf.dispose([got, expected]);
      } finally {
        for (const model of [grey, page, other]) model.dispose();
      }
    });
  },
  { only: ['wasm'] },
);
