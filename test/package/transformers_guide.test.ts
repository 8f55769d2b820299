/** The code in docs/transformers.md runs. */
import * as tf from '@tensorflow/tfjs';

import { describeBackends } from '../support/backends';
import { documentProgram } from '../support/document_code';

interface Made {
  signals: tf.Sequential;
  mixer: tf.layers.Layer;
  language: tf.LayersModel;
  classifier: tf.LayersModel;
  tagger: tf.LayersModel;
  loss: tf.Scalar;
  continued: { ids: number[] };
  newest: tf.Tensor;
}

const NAMES = 'signals mixer language classifier tagger loss continued newest'.split(' ');

describeBackends(
  'the guide to transformers',
  () => {
    let log: jest.SpyInstance;
    beforeEach(() => {
      log = jest.spyOn(console, 'log').mockImplementation(() => {});
    });
    afterEach(() => log.mockRestore());

    test('does what its text says', async () => {
      const made = await documentProgram<Made>('docs/transformers.md', NAMES)(require);
      expect(log).toHaveBeenCalledTimes(1);
      expect(made.signals.outputs[0]?.shape).toEqual([null, 6]);
      expect(made.language.outputs[0]?.shape).toEqual([null, null, 100]);
      expect(made.classifier.outputs[0]?.shape).toEqual([null, 14]);
      expect(made.tagger.outputs[0]?.shape).toEqual([null, null, 5]);
      expect(made.newest.shape).toEqual([1, 1, 16]);
      expect(made.continued.ids.length).toBeLessThanOrEqual(8);
      // Near that of guessing among 100 tokens.
      expect(Math.abs((made.loss.dataSync()[0] as number) - Math.log(100))).toBeLessThan(3);
    });

    test('the block of its own is differentiated', async () => {
      const { mixer } = await documentProgram<Made>('docs/transformers.md', NAMES)(require);
      tf.tidy(() => {
        const x = tf.randomNormal([2, 16, 8], 0, 1, 'float32', 1);
        const dx = tf.grad((t) => mixer.apply(t, { training: true }) as tf.Tensor)(x);
        expect(tf.norm(dx).dataSync()[0]).toBeGreaterThan(0);
        const config = mixer.getConfig() as { block: { config: { window: number } } };
        expect(JSON.stringify(config.block)).toContain('"window":5');
      });
    });
  },
  { only: ['wasm'] },
);
