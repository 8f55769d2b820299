/** The networks that docs/transformers.md builds learn, each a small task within some steps. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, layers, tokenCrossEntropy, trainingStep } from 'tfjs-revcol';
import { seededRandom, withSeededRandom } from '../../src/ops/engine/random';
import { describeBackends } from '../support/backends';
import { documentProgram } from '../support/document_code';

interface Made {
  encoder: tf.layers.Layer;
  signals: tf.Sequential;
  language: tf.LayersModel;
}

type Outputs = Parameters<Parameters<typeof trainingStep>[3]>[0];

/** Inputs of a step and the loss of what the model makes of them. */
interface Batch {
  x: tf.Tensor;
  loss: (outputs: Outputs) => tf.Scalar;
}

/** Mean loss of the last quarter of some steps, and of a guess that knows nothing. */
function lossAfter(model: tf.LayersModel, steps: number, rate: number, batch: () => Batch): number {
  const optimizer = new AdamW({ learningRate: rate });
  const losses = Array.from({ length: steps }, () =>
    tf.tidy(() => {
      const { x, loss } = batch();
      return trainingStep(model, optimizer, x, loss).dataSync()[0] as number;
    }),
  );
  optimizer.dispose();
  const last = losses.slice(-Math.ceil(steps / 4));
  return last.reduce((a, b) => a + b) / last.length;
}

const crossEntropy = (classes: number[], count: number) => (logits: Outputs) =>
  tf.losses.softmaxCrossEntropy(
    tf.oneHot(tf.tensor1d(classes, 'int32'), count),
    logits as tf.Tensor,
  ) as tf.Scalar;

describeBackends(
  'what the guide to transformers builds',
  () => {
    let made: Made;
    beforeAll(async () => {
      const log = jest.spyOn(console, 'log').mockImplementation(() => {});
      const { random } = Math;
      Math.random = seededRandom(1);
      try {
        const names = ['encoder', 'signals', 'language'];
        made = await documentProgram<Made>('docs/transformers.md', names)(require);
      } finally {
        Math.random = random;
        log.mockRestore();
      }
    });

    test('the encoder of text tells whether a word occurs', () => {
      const model = withSeededRandom(2, () =>
        tf.sequential({ layers: [made.encoder, layers.revColHead({ units: 2 })] }),
      );
      const random = seededRandom(3);
      const upTo = (end: number) => Math.floor(end * random());
      const loss = lossAfter(model, 50, 3e-3, () => {
        const rows = Array.from({ length: 16 }, (_, i) => {
          const row = Array.from({ length: 8 }, () => 100 + upTo(90));
          if (i % 2 === 1) row[upTo(8)] = 7;
          return row;
        });
        const classes = rows.map((_, i) => i % 2);
        return { x: tf.tensor2d(rows, undefined, 'int32'), loss: crossEntropy(classes, 2) };
      });
      // A guess costs log(2), 0.69.
      expect(loss).toBeLessThan(0.3);
    });

    test('the network of signals tells frequencies apart', () => {
      const random = seededRandom(4);
      const loss = lossAfter(made.signals, 40, 2e-3, () => {
        const classes = Array.from({ length: 12 }, (_, i) => i % 6);
        const values = classes.map((c) => {
          const phase = 2 * Math.PI * random();
          return Array.from({ length: 128 }, (_, t) => [Math.sin(phase + 0.2 * (c + 1) * t)]);
        });
        return { x: tf.tensor3d(values), loss: crossEntropy(classes, 6) };
      });
      // A guess costs log(6), 1.79; it is at 1.07 by then, on its way.
      expect(loss).toBeLessThan(1.4);
    });

    test('the language model learns to count', () => {
      const random = seededRandom(5);
      const loss = lossAfter(made.language, 40, 3e-3, () => {
        const rows = Array.from({ length: 8 }, () => {
          const start = Math.floor(10 * random());
          return Array.from({ length: 9 }, (_, t) => 20 + ((start + t) % 10));
        });
        const part = (from: number) =>
          tf.tensor2d(
            rows.map((row) => row.slice(from, from + 8)),
            undefined,
            'int32',
          );
        return { x: part(0), loss: (logits) => tokenCrossEntropy(part(1), logits as tf.Tensor) };
      });
      // A guess among 100 tokens costs 4.6, among the ten that occur 2.3.
      expect(loss).toBeLessThan(1.5);
    });
  },
  { only: ['wasm'] },
);
