import * as tf from '@tensorflow/tfjs';

import { AdamW, layers, tokenCrossEntropy, trainingStep, TranslationDecoder } from 'tfjs-revcol';
import { seededRandom, withSeededRandom } from '../../src/ops/engine/random';
import { tidyAll } from '../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { expectSameStep, type Step, takeStep } from '../support/training_step';
import { ids, logitsOf, smallModel, SOURCES, TARGETS } from './small_translation_model';

type Options = Parameters<typeof smallModel>[0];

describeBackends('translation model', () => {
  test.each<[string, Options]>([
    ['tied', {}],
    ['untied, post-norm cosine', { tieEmbeddings: false, norm: 'post', attention: 'cosine' }],
  ])(
    '%s: reversible equals stored with dropout on, every weight has a gradient',
    async (_, more) => {
      await expectNoLeak(() => {
        const step = (backprop: 'reversible' | 'stored'): Step =>
          tidyAll(() => {
            const model = smallModel({ ...more, dropout: 0.2, attentionDropout: 0.1, backprop });
            const result = takeStep(() => {
              const inputs = [ids(SOURCES), ids(TARGETS)];
              const logits = model.apply(inputs, { training: true }) as tf.Tensor;
              return tokenCrossEntropy(ids(TARGETS), logits, { labelSmoothing: 0.1 });
            }, model.trainableWeights);
            model.dispose();
            return result;
          });
        const reversible = step('reversible');
        expectSameStep(reversible, step('stored'), 1e-4);
        for (const [name, gradient] of reversible.gradients) {
          // The first column adds no earlier features, and biases of keys do nothing to dot products.
          const idle = /column_0\/.*alpha|key\/bias/.test(name);
          if (!idle)
            expect({ name, some: gradient.some((v) => v !== 0) }).toEqual({ name, some: true });
        }
      });
    },
  );

  test('padding changes nothing, and no logit depends on a later target', () => {
    const model = smallModel();
    const [first] = logitsOf(model, SOURCES, TARGETS) as [number[][]];
    const alone = logitsOf(model, [[3, 1, 4]], [[1, 3, 5]])[0] as number[][];
    expectClose(alone.flat(), first.slice(0, 3).flat(), 1e-5);
    const [other] = logitsOf(model, SOURCES, [
      [1, 3, 5, 1, 1],
      [1, 0, 0, 0, 0],
    ]) as [number[][]];
    expect(other.slice(0, 3)).toEqual(first.slice(0, 3));
    expect(other[3]).not.toEqual(first[3]);
    model.dispose();
  });
});

// Slow there: it would be most of this file's time.
const TRAINED = { except: ['cpu'] };
describeBackends(
  'a translation model in training',
  () => {
    test('learns to turn sequences round', async () => {
      const model = withSeededRandom(3, () =>
        smallModel({ width: 16, columns: 2, decoderDepth: 1, dropout: 0 }, true),
      );
      const random = seededRandom(2);
      const rows = Array.from({ length: 16 }, () =>
        Array.from({ length: 3 }, () => 3 + Math.floor(3 * random())),
      );
      const source = ids(rows);
      const target = ids(rows.map((row) => [1, ...[...row].reverse()]));
      const wanted = ids(rows.map((row) => [...[...row].reverse(), 2]));
      const optimizer = new AdamW({ learningRate: 0.01 });
      const step = async () => {
        const loss = trainingStep(
          model,
          optimizer,
          [source, target],
          (logits) => tokenCrossEntropy(wanted, logits as tf.Tensor),
          { clipNorm: 1 },
        );
        const value = (await loss.data())[0] as number;
        loss.dispose();
        return value;
      };
      const before = await step();
      let loss = before;
      await expectNoLeak(async () => {
        for (let i = 0; i < 40; i++) loss = await step();
      });
      expect(before).toBeGreaterThan(1.5);
      expect(loss).toBeLessThan(0.5 * before);
      optimizer.dispose();
      tf.dispose([source, target, wanted]);
      model.dispose();
    });
  },
  TRAINED,
);

test.each([true, false])('a saved model computes the same, tied: %s', async (tieEmbeddings) => {
  await expectNoLeak(async () => {
    const model = smallModel({
      tieEmbeddings,
      positions: 'learned',
      sequenceLength: 7,
      anchorEvery: 2,
      dropPathRate: 0.1,
    });
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler((artifacts) => {
        saved = artifacts;
        return Promise.resolve({
          modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' },
        });
      }),
    );
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    expect(logitsOf(loaded, SOURCES, TARGETS)).toEqual(logitsOf(model, SOURCES, TARGETS));
    expect(loaded.toJSON()).toEqual(model.toJSON());
    model.dispose();
    loaded.dispose();
  });
});

test('tying takes a table less', () => {
  const [tied, untied] = [smallModel(), smallModel({ tieEmbeddings: false })];
  expect(untied.countParams() - tied.countParams()).toBe(8 * 6 + 6);
  tied.dispose();
  untied.dispose();
});

test('wrong options and inputs are refused', async () => {
  await expectNoLeak(() => {
    expect(() => smallModel({ width: 9 })).toThrow('width 9 does not divide by 2 heads');
    expect(() => smallModel({ targetVocabularySize: 1 })).toThrow('targetVocabularySize is 1');
    expect(() => smallModel({ decoderDepth: 0 })).toThrow('depth is 0');
    const embedding = layers.tokenEmbedding({ inputDim: 6, outputDim: 8 });
    const block = layers.transformerDecoderBlock({ numHeads: 2 });
    expect(() => new TranslationDecoder({ embedding: block, block, depth: 1 })).toThrow(
      'embedding is a TransformerDecoderBlock',
    );
    const inputs = [tf.zeros([2, 3]), tf.zeros([2, 4, 8]), tf.ones([2, 4])];
    const wrongBlock = new TranslationDecoder({ embedding, block: embedding, depth: 1 });
    expect(() => wrongBlock.apply(inputs)).toThrow('block is a TokenEmbedding');
    const decoder = new TranslationDecoder({ embedding, block, depth: 1 });
    expect(() => decoder.apply(inputs.slice(0, 2))).toThrow('expected [ids, memory, memoryMask]');
    const logits = decoder.apply(inputs) as tf.Tensor;
    expect(logits.shape).toEqual([2, 3, 6]);
    tf.dispose([logits, ...inputs]);
    decoder.dispose();
  });
});
