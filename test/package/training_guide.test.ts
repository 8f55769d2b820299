/** The code in docs/training.md runs. */
import * as tf from '@tensorflow/tfjs';

import { Ema } from 'tfjs-revcol';
import { describeBackends } from '../support/backends';
import { documentProgram } from '../support/document_code';

interface Made {
  losses: number[];
  ema: Ema;
  average: Ema;
  first: tf.Scalar;
  whole: tf.Scalar;
  matrix: tf.Tensor2D;
  classifier: tf.LayersModel;
}

const NAMES = 'losses ema average first whole matrix classifier'.split(' ');

describeBackends(
  'the guide to training',
  () => {
    test('does what its text says', async () => {
      const print = jest.spyOn(console, 'log').mockImplementation();
      const made = await documentProgram<Made>('docs/training.md', NAMES)(require);
      const printed = print.mock.calls.map(([line]) => line as string);
      print.mockRestore();
      expect(printed).toEqual(made.losses.map((loss, i) => `step ${i + 1}: loss ${loss}`));
      // Two epochs of two steps; images alone are three decoders at a weight of 3.
      expect(made.losses).toHaveLength(4);
      expect(made.losses.every((loss) => loss > 1 && loss < 20)).toBe(true);
      expect(made.ema).toBeInstanceOf(Ema);
      expect(made.ema.updates).toBe(4);
      expect(made.ema.applied).toBe(true);
      expect(made.average.updates).toBe(2);
      // A head that starts small knows nothing yet of two classes.
      expect(made.first.dataSync()[0]).toBeCloseTo(Math.log(2), 2);
      expect(made.whole.dataSync()[0]).toBeCloseTo(Math.log(2), 1);
      expect(tf.sum(made.matrix).dataSync()[0]).toBe(4);
      expect(made.classifier.loss).toBe('focalLoss');
    });
  },
  { only: ['wasm'] },
);
