/** The pieces between a transformer and a RevCol: all together they are the RevCol, and none the transformer. */
import * as tf from '@tensorflow/tfjs';

import { createLanguageModel } from 'tfjs-revcol';
import { modelOf, revColModel, transformerModel } from '../../examples/language-model/models';
import { modelOfPieces, type Pieces } from '../../examples/language-model/pieces';
import { expectClose, useBackend } from '../support/backends';

const SIZE = { vocabulary: 12, width: 8, heads: 2, dropout: 0 };
const COLUMNS = { columns: 3, depths: [1, 1] };

beforeAll(() => useBackend('cpu'));

/** Output for some texts, one of them filled up. */
function outputOf(model: tf.LayersModel): tf.Tensor {
  return tf.tidy(() => {
    const ids = tf.tensor2d([1, 5, 3, 9, 4, 11, 2, 7, 0, 0], [2, 5], 'int32');
    const real = tf.reshape(tf.notEqual(ids, 0), [2, 5, 1]);
    return tf.mul(model.predict(ids) as tf.Tensor, real);
  });
}

/** Gives all weights of a model other values, so that no piece does nothing. */
function spread(model: tf.LayersModel): void {
  model.trainableWeights.forEach((weight, i) => {
    tf.tidy(() => {
      const noise = tf.randomNormal(weight.shape as number[], 0, 0.3, 'float32', i);
      weight.write(tf.add(weight.read(), noise));
    });
  });
}

/** Weights of a model by their names, without what the name of the model's layer adds. */
function byName(model: tf.LayersModel): Map<string, tf.LayerVariable> {
  return new Map(
    model.trainableWeights.map((weight) => [
      weight.originalName
        .replace(/^.*?(?=column_\d|stem\/|head\/)/, '')
        .replace(/(fusion\/\w+)_norm/, '$1'),
      weight,
    ]),
  );
}

/** Asserts that pieces have the weights of a RevCol and compute what it does; disposes of both. */
function expectSame(pieces: tf.LayersModel, revCol: tf.LayersModel): void {
  spread(revCol);
  const weights = byName(revCol);
  expect([...byName(pieces).keys()].sort()).toEqual([...weights.keys()].sort());
  for (const [name, weight] of byName(pieces)) {
    weight.write((weights.get(name) as tf.LayerVariable).read());
  }
  expectClose(outputOf(pieces), outputOf(revCol), 1e-5);
  revCol.dispose();
  pieces.dispose();
}

test('with all pieces it is a RevCol, by the names of its weights', () => {
  const revCol = revColModel(SIZE);
  expectSame(modelOfPieces(SIZE, COLUMNS, 4 * SIZE.width), revCol);
});

test('with LayerNorms alone it is a RevCol with such fusions', () => {
  const { vocabulary, width, heads, dropout } = SIZE;
  const revCol = createLanguageModel({
    ...{ vocabularySize: vocabulary, width, numHeads: heads, dropout, tieEmbeddings: false },
    ...COLUMNS,
    fusion: 'norm',
  });
  expectSame(modelOfPieces(SIZE, { ...COLUMNS, paths: 'norm' }, 4 * width), revCol);
});

test('one level of one column is an ordinary transformer', () => {
  const parameters = 4000;
  const transformer = transformerModel(SIZE, parameters, { blocks: 2, attention: 'cosine' });
  spread(transformer);
  const pieces = modelOf(SIZE, parameters, { columns: 1, depths: [2], attention: 'cosine' });
  pieces.setWeights(transformer.getWeights());
  expectClose(outputOf(pieces), outputOf(transformer), 1e-6);
  transformer.dispose();
  pieces.dispose();
});

test('every piece left out or moved makes another model', () => {
  const some: Pieces[] = [
    COLUMNS,
    { ...COLUMNS, paths: 'linear' },
    { ...COLUMNS, paths: 'norm' },
    { ...COLUMNS, paths: 'none' },
    { ...COLUMNS, tokens: 'first' },
    { ...COLUMNS, kept: 'before' },
    { ...COLUMNS, kept: 'never' },
    { ...COLUMNS, reads: 'sum' },
    { ...COLUMNS, fixedAlpha: 1 },
  ];
  const model = modelOfPieces(SIZE, COLUMNS, 16);
  spread(model);
  const weights = byName(model);
  const outputs = some.map((pieces) => {
    const other = modelOfPieces(SIZE, pieces, 16);
    for (const [name, weight] of byName(other)) {
      weight.write((weights.get(name) as tf.LayerVariable).read());
    }
    const output = [...outputOf(other).dataSync()].map((value) => value.toFixed(3)).join();
    other.dispose();
    return output;
  });
  expect(new Set(outputs).size).toBe(some.length);
  model.dispose();
});
