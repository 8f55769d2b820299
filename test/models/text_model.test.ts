/** Classifier and tagger of texts: masks, modes, files, errors. */
import * as tf from '@tensorflow/tfjs';

import {
  createTagger,
  createTextClassifier,
  type CreateTextModelOptions,
  tokenCrossEntropy,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import {
  expectSameStep,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
} from '../support/training_step';

const SMALL = {
  vocabularySize: 9,
  numClasses: 3,
  width: 8,
  numHeads: 2,
  columns: 3,
  depths: [1, 1],
};

const CREATE = { createTextClassifier, createTagger };
const KINDS = Object.entries(CREATE);

const SHORT = [
  [3, 1, 4],
  [8, 2, 6],
];
const PADDED = SHORT.map((row) => [...row, 0, 0]);

function make(
  create: (options: CreateTextModelOptions) => tf.LayersModel,
  options: Partial<CreateTextModelOptions> = {},
): tf.LayersModel {
  const model = create({ ...SMALL, ...options });
  randomizeWeights(model.weights, 11);
  return model;
}

const ids = (rows: number[][]) => tf.tensor2d(rows, undefined, 'int32');

describeBackends('models of texts', () => {
  test.each(KINDS)('%s: a text of no tokens is refused in words of texts', async (_, create) => {
    const model = make(create);
    await expectNoLeak(() => {
      const empty = tf.zeros([2, 0], 'int32');
      expect(() => model.predict(empty)).toThrow('expected at least one token in each text');
      empty.dispose();
    });
    model.dispose();
  });

  test.each(KINDS)('%s: padding changes no logits', async (_, create) => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const model = make(create);
        const short = model.predict(ids(SHORT)) as tf.Tensor;
        const long = model.predict(ids(PADDED)) as tf.Tensor;
        expect(short.shape).toEqual(short.rank === 2 ? [2, 3] : [2, 3, 3]);
        const real = long.rank === 2 ? long : tf.slice(long, [0, 0, 0], [2, 3, 3]);
        expectClose(real, short, 1e-5);
        model.dispose();
      });
    });
  });

  test.each(KINDS)('%s: reversible equals stored, dropout and padding on', async (_, create) => {
    const step = (backprop: 'reversible' | 'stored'): Step => {
      const model = make(create, { backprop, dropout: 0.3, dropPathRate: 0.2 });
      const x = ids(PADDED);
      const result = takeStep(
        () => projectedLoss(model.apply(x, { training: true }) as tf.Tensor),
        model.trainableWeights,
      );
      x.dispose();
      model.dispose();
      return result;
    };
    await expectNoLeak(() => {
      expectSameStep(step('reversible'), step('stored'), 1e-4);
    });
  });

  test.each(KINDS)('%s: a saved model predicts the same', async (_, create) => {
    await expectNoLeak(async () => {
      const model = make(create);
      const handler = tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
      });
      let saved: tf.io.ModelArtifacts | undefined;
      await model.save(handler);
      const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
      tf.tidy(() => {
        const x = ids(PADDED);
        expectClose(loaded.predict(x) as tf.Tensor, model.predict(x) as tf.Tensor, 0);
      });
      loaded.dispose();
      model.dispose();
    });
  });

  test('the classifier averages the tokens that are real', () => {
    tf.tidy(() => {
      const model = make(createTextClassifier);
      const [encoder, head] = model.layers.slice(1) as [tf.layers.Layer, tf.layers.Layer];
      const x = ids(PADDED);
      const features = encoder.apply(x) as tf.Tensor3D;
      const real = tf.slice(features, [0, 0, 0], [2, 3, 8]);
      expectClose(model.predict(x) as tf.Tensor, head.apply(real) as tf.Tensor, 1e-5);
      model.dispose();
    });
  });

  test('the tagger trains with a loss that leaves padding out', async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const model = make(createTagger);
        const x = ids(PADDED);
        const loss = (targets: number[][]) =>
          takeStep(
            () => tokenCrossEntropy(ids(targets), model.apply(x) as tf.Tensor),
            model.trainableWeights,
          );
        const tags = [
          [1, 2, 1, 0, 0],
          [2, 2, 1, 0, 0],
        ];
        const kernel = [...loss(tags).gradients].find(([name]) =>
          name.endsWith('classifier/kernel'),
        );
        expect(Math.max(...(kernel?.[1] ?? []))).toBeGreaterThan(0);
        model.dispose();
      });
    });
  });
});

describe('bad options of models of texts', () => {
  test.each([
    [{ vocabularySize: 1 }, /vocabularySize/],
    [{ numClasses: 0 }, /numClasses/],
    [{ width: 0 }, /width/],
    [{ width: 9 }, /heads|numHeads/],
    [{ depths: [1] }, /1 level given/],
    [{ dropout: 1 }, /dropout/],
    [{ positions: 'learned' }, /sequenceLength/],
  ] as [Partial<CreateTextModelOptions>, RegExp][])('%j', async (options, message) => {
    for (const create of Object.values(CREATE)) {
      await expectNoLeak(() => {
        expect(() => create({ ...SMALL, ...options })).toThrow(message);
      });
    }
  });
});

describeBackends('masked mean of the head', () => {
  test('a mask of another shape is refused', () => {
    tf.tidy(() => {
      const model = make(createTextClassifier);
      const head = model.layers[2] as tf.layers.Layer;
      const x = normalTensor([2, 3, 8], 1);
      expect(() => head.apply(x, { mask: tf.ones([2, 4]) })).toThrow(/mask of shape/);
      model.dispose();
    });
  });
});
