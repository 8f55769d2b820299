/** Models of text whose levels read each other through a LayerNorm alone: everything that a model can do. */
import * as tf from '@tensorflow/tfjs';

import {
  addAdapters,
  createLanguageModel,
  createTextClassifier,
  generate,
  loadCheckpoint,
  saveCheckpoint,
} from 'tfjs-revcol';
import { tidyAll } from '../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak, useBackend } from '../support/backends';
import {
  expectSameStep,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
} from '../support/training_step';
import { ids, smallModel, SOURCE_VOCABULARY, SOURCES, TARGETS } from './small_translation_model';

type Options = Omit<Parameters<typeof createLanguageModel>[0], 'vocabularySize'>;
const SMALL = {
  ...{ vocabularySize: SOURCE_VOCABULARY, width: 8, numHeads: 2, columns: 3, depths: [1, 1] },
  fusion: 'norm',
} as const;
const OPTIONS = { ...SMALL, depths: [...SMALL.depths] };

/** Every kind of model of text, and what it takes. */
const MODELS: Record<
  string,
  { make: (options?: Options) => tf.LayersModel; inputs: number[][][] }
> = {
  'a language model': {
    make: (options) => createLanguageModel({ ...OPTIONS, ...options }),
    inputs: [SOURCES],
  },
  'a classifier': {
    make: (options) => createTextClassifier({ ...OPTIONS, numClasses: 3, ...options }),
    inputs: [SOURCES],
  },
  'a translation model': {
    make: (options) => smallModel({ fusion: 'norm', ...options }, true),
    inputs: [SOURCES, TARGETS],
  },
};

function make(kind: string, options?: Options): tf.LayersModel {
  const model = (MODELS[kind] as (typeof MODELS)[string]).make(options);
  randomizeWeights(model.weights, 11);
  return model;
}

function stepOf(kind: string, options: Options, prepare?: (model: tf.LayersModel) => void): Step {
  return tidyAll(() => {
    const model = make(kind, options);
    prepare?.(model);
    const inputs = MODELS[kind]?.inputs.map(ids) as tf.Tensor[];
    const step = takeStep(
      () => projectedLoss(model.apply(inputs, { training: true }) as tf.Tensor),
      model.trainableWeights,
    );
    model.dispose();
    return step;
  });
}

function outputOf(model: tf.LayersModel, kind: string): tf.Tensor {
  return tf.tidy(() => {
    const inputs = MODELS[kind]?.inputs.map(ids) as tf.Tensor[];
    return model.predict(inputs) as tf.Tensor;
  });
}

const namesOf = (model: tf.LayersModel) => model.weights.map(({ originalName }) => originalName);

/** What a model is saved as. */
async function artifactsOf(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let saved: tf.io.ModelArtifacts = {};
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return saved;
}

describeBackends('models of text with LayerNorms alone between levels', () => {
  test.each(Object.keys(MODELS))('%s: reversible equals stored, with padding', async (kind) => {
    const options = { dropout: 0.3, dropPathRate: 0.2 };
    await expectNoLeak(() => {
      const [reversible, stored] = (['reversible', 'stored'] as const).map((backprop) =>
        stepOf(kind, { ...options, backprop }),
      ) as [Step, Step];
      expectSameStep(reversible, stored, 1e-4);
    });
  });

  test('texts are continued from a cache as without one', async () => {
    await expectNoLeak(async () => {
      const model = make('a language model');
      const prompt = [3, 1, 4];
      const [found] = await generate(model, [prompt], { maxNewTokens: 4, temperature: 0 });
      const all = [...prompt];
      for (let i = 0; i < 4; i++) {
        const next = tf.tidy(() => {
          const logits = tf.squeeze(model.predict(ids([all])) as tf.Tensor, [0]);
          return tf.argMax(tf.slice(logits, [all.length - 1, 1], [1, -1]), -1).dataSync()[0];
        });
        all.push((next as number) + 1);
      }
      expect(found?.ids).toEqual(all.slice(prompt.length));
      model.dispose();
    });
  });

  test('adapters are on what projections there are, and learn the same in both ways', async () => {
    await expectNoLeak(() => {
      const adapt = (model: tf.LayersModel) => {
        expect(() => addAdapters(model, { rank: 2, targets: ['fusion'] })).toThrow(
          /nothing in .* is called 'fusion'/,
        );
        addAdapters(model, { rank: 2 });
        const factors = model.trainableWeights;
        expect(factors.some(({ originalName }) => /fusion/.test(originalName))).toBe(false);
        randomizeWeights(factors, 3);
      };
      const [reversible, stored] = (['reversible', 'stored'] as const).map((backprop) =>
        stepOf('a classifier', { backprop, dropout: 0 }, adapt),
      ) as [Step, Step];
      expect(reversible.gradients.size).toBeGreaterThan(0);
      expectSameStep(reversible, stored, 1e-4);
    });
  });
});

describe('their weights and files', () => {
  beforeAll(() => useBackend('wasm'));

  test.each(Object.keys(MODELS))('%s: names are those with linear layers, but theirs', (kind) => {
    const [norm, linear] = [make(kind), make(kind, { fusion: 'linear' })];
    const isLinear = (name: string) => /fusion\/(down|up|top)\/(kernel|bias)$/.test(name);
    expect(namesOf(norm)).toEqual(namesOf(linear).filter((name) => !isLinear(name)));
    // Three columns have a path down each, two of them one up.
    expect(linear.countParams() - norm.countParams()).toBe(5 * (8 * 8 + 8));
    for (const one of [norm, linear]) one.dispose();
  });

  test.each(Object.keys(MODELS))('%s: a saved one predicts the same', async (kind) => {
    await expectNoLeak(async () => {
      const model = make(kind);
      const { weightData, ...rest } = await artifactsOf(model);
      const copy = JSON.parse(JSON.stringify(rest)) as tf.io.ModelArtifacts;
      const loaded = await tf.loadLayersModel(tf.io.fromMemory({ ...copy, weightData }));
      expect(namesOf(loaded)).toEqual(namesOf(model));
      const [got, expected] = [outputOf(loaded, kind), outputOf(model, kind)];
      expectClose(got, expected, 0);
      tf.dispose([got, expected]);
      for (const one of [loaded, model]) one.dispose();
    });
  });

  test('a file of a version that had no such option has linear layers', async () => {
    const model = make('a classifier', { fusion: 'linear' });
    const { weightData, ...rest } = await artifactsOf(model);
    const text = JSON.stringify(rest);
    const old = text.replace(/"fusion":null,?/, '');
    expect(old).not.toBe(text);
    const copy = JSON.parse(old) as tf.io.ModelArtifacts;
    const loaded = await tf.loadLayersModel(tf.io.fromMemory({ ...copy, weightData }));
    expect(namesOf(loaded)).toEqual(namesOf(model));
    const [got, expected] = [outputOf(loaded, 'a classifier'), outputOf(model, 'a classifier')];
    expectClose(got, expected, 0);
    tf.dispose([got, expected]);
    for (const one of [loaded, model]) one.dispose();
  });

  test('a checkpoint holds them, and one with linear layers is refused', async () => {
    const kind = 'a classifier';
    const [model, other, linear] = [make(kind), make(kind), make(kind, { fusion: 'linear' })];
    randomizeWeights(other.weights, 12);
    const file = await saveCheckpoint(model, undefined, { others: 'keep' });
    await loadCheckpoint(other, file);
    const [got, expected] = [outputOf(other, kind), outputOf(model, kind)];
    expectClose(got, expected, 0);
    const more = await saveCheckpoint(linear, undefined, { others: 'keep' });
    await expect(loadCheckpoint(other, more)).rejects.toThrow(/fusion/);
    tf.dispose([got, expected]);
    for (const one of [model, other, linear]) one.dispose();
  });
});

test('words that there are not', () => {
  const make = () => createTextClassifier({ ...OPTIONS, numClasses: 2, fusion: 'none' as 'norm' });
  expect(make).toThrow(`createTextClassifier: fusion is "none"; expected one of 'linear', 'norm'`);
});
