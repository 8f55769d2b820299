/** The language model: causality, modes, generation with a cache, files, errors. */
import * as tf from '@tensorflow/tfjs';

import {
  createLanguageModel,
  type CreateLanguageModelOptions,
  generate,
  type GenerateOptions,
  KeyValueCache,
  languageModelSteps,
  layers,
  tokenCrossEntropy,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { expectSameStep, randomizeWeights, type Step, takeStep } from '../support/training_step';

const SMALL = { vocabularySize: 9, width: 8, numHeads: 2, columns: 3, depths: [1, 1] };
const IDS = [
  [3, 1, 4, 1, 5],
  [8, 2, 6, 0, 0],
];

function make(options: Partial<CreateLanguageModelOptions> = {}): tf.LayersModel {
  const model = createLanguageModel({ ...SMALL, ...options });
  randomizeWeights(model.weights, 11);
  return model;
}

const ids = (rows: number[][]) => tf.tensor2d(rows, undefined, 'int32');

/** The most probable continuation, all tokens computed anew for each. */
function continueWithoutCache(model: tf.LayersModel, prompt: number[], count: number): number[] {
  const all = [...prompt];
  for (let i = 0; i < count; i++) {
    const next = tf.tidy(() => {
      const logits = tf.squeeze(model.predict(ids([all])) as tf.Tensor, [0]);
      const last = [...tf.slice(logits, [all.length - 1, 1], [1, 8]).dataSync()];
      return 1 + last.indexOf(Math.max(...last));
    });
    all.push(next);
  }
  return all.slice(prompt.length);
}

async function idsOf(model: tf.LayersModel, prompts: number[][], options: GenerateOptions) {
  return (await generate(model, prompts, options)).map((d) => d.ids);
}

describeBackends('language model', () => {
  test.each([true, false])('no logits depend on a later token, tied %s', async (tied) => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const model = make({ tieEmbeddings: tied });
        const [a, b] = [
          [3, 1, 4, 1, 5],
          [3, 1, 4, 8, 2],
        ].map((row) => model.predict(ids([row])) as tf.Tensor) as [tf.Tensor, tf.Tensor];
        expect(a.shape).toEqual([1, 5, 9]);
        const first = (y: tf.Tensor) => tf.slice(y, [0, 0, 0], [1, 3, 9]).dataSync();
        expect(first(a)).toEqual(first(b));
        expect(() => expectClose(a, b, 1e-2)).toThrow();
        model.dispose();
      });
    });
  });

  test.each(['reversible', 'stored'] as const)(
    '%s: no gradient reaches a later token',
    async (backprop) => {
      await expectNoLeak(() => {
        const model = make({ backprop, positions: 'learned', sequenceLength: 6 });
        const x = ids([[3, 1, 4, 1, 5]]);
        const { gradients } = takeStep(
          () => {
            const logits = model.apply(x, { training: true }) as tf.Tensor;
            return tf.sum(tf.square(tf.slice(logits, [0, 0, 0], [1, 3, 9])));
          },
          model.trainableWeights.filter((w) => w.originalName.endsWith('position_embeddings')),
        );
        const [rows] = [...gradients.values()] as [Float32Array];
        expect(rows).toHaveLength(6 * SMALL.width);
        expect(Math.max(...rows.subarray(3 * SMALL.width).map(Math.abs))).toBe(0);
        const third = rows.subarray(2 * SMALL.width, 3 * SMALL.width);
        expect(Math.max(...third.map(Math.abs))).toBeGreaterThan(0);
        x.dispose();
        model.dispose();
      });
    },
  );

  test.each([true, false])(
    'reversible equals stored, dropout and padding on, tied %s',
    async (tieEmbeddings) => {
      const step = (backprop: 'reversible' | 'stored'): Step => {
        const model = make({ backprop, tieEmbeddings, dropout: 0.3, dropPathRate: 0.2 });
        const x = ids(IDS);
        const targets = ids([
          [1, 4, 1, 5, 2],
          [2, 6, 7, 0, 0],
        ]);
        const result = takeStep(
          () => tokenCrossEntropy(targets, model.apply(x, { training: true }) as tf.Tensor),
          model.trainableWeights,
        );
        tf.dispose([x, targets]);
        model.dispose();
        return result;
      };
      await expectNoLeak(() => expectSameStep(step('reversible'), step('stored'), 1e-4));
    },
  );

  test('tied embeddings learn from both of their uses', () => {
    tf.tidy(() => {
      const model = make({ dropout: 0 });
      const x = ids([[3, 1, 4]]);
      const loss = () => tokenCrossEntropy(ids([[1, 4, 2]]), model.apply(x) as tf.Tensor);
      const table = model.trainableWeights.find((w) => w.originalName.endsWith('/embeddings'));
      const variable = table?.read() as tf.Variable;
      const [gradient] = takeStep(loss, [table as tf.LayerVariable]).gradients.values();
      // Token 3 goes in only, token 8 comes out only, token 4 does both.
      const h = 1e-2;
      for (const token of [3, 8, 4]) {
        const at = token * SMALL.width + 2;
        const original = variable.dataSync().slice();
        const lossAt = (change: number) => {
          const values = original.slice();
          values[at] = (values[at] as number) + change;
          variable.assign(tf.tensor(values, variable.shape));
          return loss().dataSync()[0] as number;
        };
        const slope = (lossAt(h) - lossAt(-h)) / (2 * h);
        variable.assign(tf.tensor(original, variable.shape));
        expect(Math.abs(slope)).toBeGreaterThan(1e-3);
        expect(Math.abs((gradient?.[at] as number) - slope)).toBeLessThan(
          2e-3 + 0.02 * Math.abs(slope),
        );
      }
      model.dispose();
    });
  });

  test.each([true, false])('steps on a cache equal the whole text, tied %s', async (tied) => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const model = make({ tieEmbeddings: tied });
        const rows = [
          [3, 1, 4, 1, 5],
          [8, 2, 6, 2, 7],
        ];
        const whole = model.predict(ids(rows)) as tf.Tensor;
        const steps = languageModelSteps(model);
        const cache = new KeyValueCache();
        for (const [start, end] of [
          [0, 3],
          [3, 4],
          [4, 5],
        ] as const) {
          const logits = steps.step(ids(rows.map((row) => row.slice(start, end))), cache);
          expectClose(logits, tf.squeeze(tf.slice(whole, [0, end - 1, 0], [2, 1, 9]), [1]), 5e-6);
        }
        cache.dispose();
        model.dispose();
      });
    });
  });

  test('generates what it would without a cache, and stops at the end', async () => {
    await expectNoLeak(async () => {
      const model = make();
      const prompts = [
        [3, 1],
        [8, 2],
      ];
      const expected = prompts.map((prompt) => continueWithoutCache(model, prompt, 6));
      const options = { maxNewTokens: 6, temperature: 0 };
      expect(await idsOf(model, prompts, options)).toEqual(expected);
      const endId = expected[0]?.[2] as number;
      const upToEnd = (row: number[]) =>
        row.includes(endId) ? row.slice(0, row.indexOf(endId)) : row;
      expect(await idsOf(model, prompts, { ...options, endId })).toEqual(expected.map(upToEnd));
      model.dispose();
    });
  });

  test('prompts of different lengths: each as if it were alone', async () => {
    await expectNoLeak(async () => {
      const model = make();
      const prompts = [[3, 1, 4, 1, 5], [8], [2, 7, 1]];
      const expected = prompts.map((prompt) => continueWithoutCache(model, prompt, 5));
      const options = { maxNewTokens: 5, temperature: 0 };
      expect(await idsOf(model, prompts, options)).toEqual(expected);
      // Also where the short ones have long ended.
      const endId = expected[1]?.[0] as number;
      const ended = await idsOf(model, prompts, { ...options, endId });
      const upToEnd = (row: number[]) =>
        row.includes(endId) ? row.slice(0, row.indexOf(endId)) : row;
      expect(ended).toEqual(expected.map(upToEnd));
      model.dispose();
    });
  });

  test('draws the same with the same seed, and never padding', async () => {
    await expectNoLeak(async () => {
      const model = make();
      const prompts = new Array<number[]>(4).fill([3, 1]);
      const draw = (seed: number) => idsOf(model, prompts, { maxNewTokens: 12, seed });
      const [a, b, c] = [await draw(1), await draw(1), await draw(2)];
      expect(b).toEqual(a);
      expect(c).not.toEqual(a);
      expect(a[1]).not.toEqual(a[0]);
      expect([...a, ...c].flat()).not.toContain(0);
      const top = await idsOf(model, prompts, { maxNewTokens: 4, topK: 1, temperature: 3 });
      expect(top[0]).toEqual(continueWithoutCache(model, [3, 1], 4));
      model.dispose();
    });
  });

  test('a failure in the middle of a text leaves nothing behind', async () => {
    const model = make({ positions: 'learned', sequenceLength: 4 });
    await expectNoLeak(async () => {
      await expect(generate(model, [[3, 1]], { maxNewTokens: 9 })).rejects.toThrow(/4/);
    });
    model.dispose();
  });

  test.each([true, false])('a saved model writes the same, tied %s', async (tied) => {
    await expectNoLeak(async () => {
      const model = make({ tieEmbeddings: tied });
      let saved: tf.io.ModelArtifacts | undefined;
      await model.save(
        tf.io.withSaveHandler(async (artifacts) => {
          saved = artifacts;
          return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
        }),
      );
      const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
      tf.tidy(() => {
        const x = ids(IDS);
        expectClose(loaded.predict(x) as tf.Tensor, model.predict(x) as tf.Tensor, 0);
      });
      const options = { maxNewTokens: 8, seed: 3 };
      expect(await idsOf(loaded, [[5, 6]], options)).toEqual(await idsOf(model, [[5, 6]], options));
      loaded.dispose();
      model.dispose();
    });
  });
});

describe('what a language model refuses', () => {
  test.each([
    [{ vocabularySize: 1 }, /createLanguageModel: vocabularySize/],
    [{ width: 9 }, /heads/],
    [{ depths: [1] }, /1 level given/],
    [{ dropout: 1 }, /dropout/],
    [{ positions: 'learned' }, /sequenceLength/],
    [{ initializerRange: -1 }, /initializerRange is -1; expected a number from 0/],
  ] as [Partial<CreateLanguageModelOptions>, RegExp][])('%j', async (options, message) => {
    await expectNoLeak(() => {
      expect(() => createLanguageModel({ ...SMALL, ...options })).toThrow(message);
    });
  });

  test('backbones that give no logits of tokens', async () => {
    await expectNoLeak(() => {
      const block = layers.transformerEncoderBlock({ numHeads: 2, useCausalMask: true });
      const stem = layers.tokenEmbedding({ inputDim: 9, outputDim: 8 });
      const columns = { isotropic: true, channels: [8, 8], depths: [1, 1], block };
      const text = tf.input({ shape: [null], dtype: 'int32' });
      const apply = (backbone: tf.layers.Layer) => () =>
        layers.revColLanguageModel({ backbone }).apply(text);
      expect(apply(block)).toThrow(/backbone is a TransformerEncoderBlock; expected/);
      expect(apply(layers.revColBackbone(columns))).toThrow(/with a RevColStem as its stem/);
      expect(apply(layers.revColBackbone({ ...columns, stem, output: 'pyramid' }))).toThrow(
        /gives 2 outputs/,
      );
    });
  });

  test('embeddings of another width than the features are tied only on demand', () => {
    const backbone = layers.revColBackbone({
      isotropic: false,
      channels: [8, 16],
      depths: [1, 1],
      stem: layers.tokenEmbedding({ inputDim: 9, outputDim: 8 }),
      block: layers.transformerEncoderBlock({ numHeads: 2, useCausalMask: true }),
    });
    const text = tf.input({ shape: [null], dtype: 'int32' });
    expect(() => layers.revColLanguageModel({ backbone }).apply(text)).toThrow(
      /width 8 cannot be tied to features of width 16; set tieEmbeddings: false/,
    );
    const free = layers.revColLanguageModel({ backbone, tieEmbeddings: false });
    expect((free.apply(text) as tf.SymbolicTensor).shape).toEqual([null, null, 9]);
    free.dispose();
  });

  test.each<[unknown, unknown, RegExp]>([
    [
      [[1]],
      undefined,
      /^generate: options are undefined; expected an object such as { maxNewTokens: ... }/,
    ],
    [[[1]], {}, /^generate: maxNewTokens is undefined/],
    [[[1]], { maxNewTokens: 2, temperature: -1 }, /^generate: temperature is -1.*\(0 always takes/],
    [[[1]], { maxNewTokens: 2, topK: 0 }, /^generate: topK is 0/],
    [[[1]], { maxNewTokens: 2, topP: 2 }, /^generate: topP is 2/],
    [[[1]], { maxNewTokens: 0, temperature: 0 }, /^generate: maxNewTokens is 0/],
    [[[1], []], { maxNewTokens: 2 }, /^generate: prompts of 1, 0 tokens; .* at least one token/],
    [[], { maxNewTokens: 2 }, /^generate: prompts of no tokens/],
    [[1, 2], { maxNewTokens: 2 }, /^generate: prompts are no list of lists of ids/],
    ['text', { maxNewTokens: 2 }, /^generate: prompts are no list of lists of ids/],
    [[[1.5]], { maxNewTokens: 2 }, /^generate: a prompt token is 1.5/],
    [[[1, 9]], { maxNewTokens: 2 }, /^generate: a prompt token is 9; expected ids from 0 to 8/],
  ])('generate(model, %j, %j)', async (prompts, options, message) => {
    const model = make();
    await expectNoLeak(() =>
      expect(generate(model, prompts as number[][], options as GenerateOptions)).rejects.toThrow(
        message,
      ),
    );
    model.dispose();
  });

  test('generate: weights that are not numbers', async () => {
    const model = make();
    tf.tidy(() => model.setWeights(model.getWeights().map((w) => tf.fill(w.shape, NaN))));
    for (const temperature of [0, 1]) {
      await expectNoLeak(() =>
        expect(generate(model, [[1]], { maxNewTokens: 2, temperature })).rejects.toThrow(
          /^(generate: the model gave logits that are not numbers|RevColBackbone: alpha .* NaN)/,
        ),
      );
    }
    model.dispose();
  });

  test('generate: a model of something else', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    await expect(generate(model, [[1]], { maxNewTokens: 2 })).rejects.toThrow(
      /^generate: .*the first of a Dense; expected one of a RevColLanguageModel/,
    );
    expect(() => languageModelSteps(model)).toThrow(/^languageModelSteps: /);
    model.dispose();
  });
});
