/** Adapters merged, unmerged, saved, loaded and swapped; and what is refused. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  addAdapters,
  CheckpointError,
  loadAdapters,
  mergeAdapters,
  openCheckpoint,
  removeAdapters,
  saveAdapters,
  saveCheckpoint,
  unmergeAdapters,
} from 'tfjs-revcol';
import { BACKENDS, describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { countKernels, failAtKernel } from '../support/failing_kernels';
import { baseValues, outputOf, randomizeAdapters, type Subject, SUBJECTS } from './models';

const REVCOL = SUBJECTS['a RevCol'] as Subject;

/** Runs `body` on models that have the same weights, and frees them. */
async function withModels(
  { make, input }: Subject,
  count: number,
  body: (models: tf.LayersModel[], x: tf.Tensor) => void | Promise<void>,
): Promise<void> {
  await expectNoLeak(async () => {
    const models = Array.from({ length: count }, () => make());
    const x = input();
    try {
      await body(models, x);
    } finally {
      for (const model of models) model.dispose();
      x.dispose();
    }
  });
}

const savedModel = async (model: tf.LayersModel): Promise<tf.io.ModelArtifacts> => {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return saved as tf.io.ModelArtifacts;
};

describeBackends('adapters', () => {
  test.each(Object.keys(SUBJECTS))('of %s merge, and unmerge to the same bits', async (title) => {
    await withModels(SUBJECTS[title] as Subject, 1, ([model], x) => {
      const m = model as tf.LayersModel;
      addAdapters(m, { rank: 2, alpha: 3 });
      randomizeAdapters(m);
      const [base, on] = [baseValues(m), outputOf(m, x)];
      const [tensors, trained] = [tf.memory().numTensors, m.trainableWeights];
      for (let i = 0; i < 2; i++) {
        mergeAdapters(m);
        expectClose(outputOf(m, x), on, 2e-5);
        const merged = baseValues(m);
        expect([...merged].some(([id, v]) => v.some((n, k) => n !== base.get(id)?.[k]))).toBe(true);
        unmergeAdapters(m);
        expect(baseValues(m)).toEqual(base);
        expect(outputOf(m, x)).toEqual(on);
        expect(m.trainableWeights).toEqual(trained);
        expect(tf.memory().numTensors).toBe(tensors);
      }
    });
  });

  test.each(Object.keys(SUBJECTS))('of %s are saved alone and loaded', async (title) => {
    await withModels(SUBJECTS[title] as Subject, 2, async ([first, second], x) => {
      const [a, b] = [first, second] as [tf.LayersModel, tf.LayersModel];
      const before = outputOf(b, x);
      addAdapters(a, { rank: 2, alpha: 5 });
      randomizeAdapters(a);
      await loadAdapters(b, await saveAdapters(a));
      expect(outputOf(b, x)).toEqual(outputOf(a, x));
      expect(b.trainableWeights.length).toBe(a.trainableWeights.length);
      removeAdapters(b);
      expect(outputOf(b, x)).toEqual(before);
    });
  });

  test('take the place of others at run time, whatever their rank and targets', async () => {
    await withModels(REVCOL, 2, async ([first, second], x) => {
      const [a, b] = [first, second] as [tf.LayersModel, tf.LayersModel];
      const files: Blob[] = [];
      const outputs: Float32Array[] = [];
      const kinds = [
        { rank: 2, alpha: 4 },
        { rank: 2, alpha: 2 },
        { rank: 3, targets: ['fusion', 'column-1/level-0'] },
      ];
      for (const [i, options] of kinds.entries()) {
        addAdapters(a, options);
        randomizeAdapters(a, 7 + 50 * i);
        files.push(await saveAdapters(a));
        outputs.push(outputOf(a, x));
        removeAdapters(a);
      }
      const tensors: number[] = [];
      for (const i of [0, 1, 2, 0, 2, 1]) {
        await loadAdapters(b, files[i] as Blob);
        expect(outputOf(b, x)).toEqual(outputs[i]);
        tensors[i] ??= tf.memory().numTensors;
        expect(tf.memory().numTensors).toBe(tensors[i]);
      }
    });
  });

  test('bring the head along that was trained with them', async () => {
    await withModels(REVCOL, 2, async ([first, second], x) => {
      const [a, b] = [first, second] as [tf.LayersModel, tf.LayersModel];
      addAdapters(a, { rank: 2, targets: ['pointwise'] });
      const head = a.getLayer('head');
      head.trainable = true;
      tf.tidy(() => head.setWeights(head.getWeights().map((w) => tf.add(w, 0.5))));
      randomizeAdapters(a);
      await loadAdapters(b, await saveAdapters(a));
      expect(outputOf(b, x)).toEqual(outputOf(a, x));
      // It is the other's own head now, so the base is no longer that of a file without one.
      removeAdapters(a);
    });
  });

  test('go with a model that is disposed of, on or merged', async () => {
    for (const merge of [false, true]) {
      await withModels(REVCOL, 1, ([model]) => {
        addAdapters(model as tf.LayersModel, { rank: 1 });
        if (merge) mergeAdapters(model as tf.LayersModel);
      });
    }
  });

  test('are merged as a whole, or not at all', async () => {
    await withModels(REVCOL, 1, ([model], x) => {
      const m = model as tf.LayersModel;
      const state = () => [baseValues(m), m.trainableWeights, outputOf(m, x)];
      const before = state();
      addAdapters(m, { rank: 1, targets: ['column-1/level-0', 'column-2/level-1'] });
      randomizeAdapters(m);
      const on = state();
      const merge = () => mergeAdapters(m);
      const calls = countKernels(merge);
      unmergeAdapters(m);
      expect(state()).toEqual(on);
      for (let n = 1; n <= calls; n++) {
        expect(failAtKernel(n, merge).moreTensors).toBe(0);
        expect(state()).toEqual(on);
      }
      removeAdapters(m);
      expect(state()).toEqual(before);
    });
  });
});

describeBackends(
  'models with adapters',
  () => {
    test('are saved with the model once merged, and not before', async () => {
      await withModels(REVCOL, 1, async ([model], x) => {
        const m = model as tf.LayersModel;
        addAdapters(m, { rank: 2 });
        randomizeAdapters(m);
        const on = outputOf(m, x);
        await expect(savedModel(m)).rejects.toThrow(
          'has adapters, which a saved model does not hold',
        );
        await expect(saveCheckpoint(m)).rejects.toThrow('have no published name');
        mergeAdapters(m);
        const loaded = await tf.loadLayersModel(tf.io.fromMemory(await savedModel(m)));
        expectClose(outputOf(loaded, x), on, 2e-5);
        expect(loaded.weights.length).toBe(m.weights.length);
        expect(loaded.trainableWeights.length).toBe(m.trainableWeights.length);
        const blob = await saveCheckpoint(m);
        expect(blob.size).toBeGreaterThan(1000);
        loaded.dispose();
      });
    });
  },
  // Within jest tfjs does not take what the addon computes for typed arrays, and so saves no models.
  { except: ['tensorflow'] },
);

describe('adapters are refused', () => {
  let model: tf.LayersModel;
  let other: tf.LayersModel;
  let dir: string;
  beforeAll(async () => {
    await tf.setBackend(BACKENDS[0] as string);
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'adapters-'));
  });
  beforeEach(() => {
    model = REVCOL.make();
    other = REVCOL.make();
  });
  afterEach(() => {
    model.dispose();
    other.dispose();
  });
  afterAll(() => fs.rmSync(dir, { recursive: true }));

  test.each([
    [{ rank: 0 }, 'rank is 0; expected an integer of at least 1'],
    [{ rank: 1.5 }, 'rank is 1.5; expected an integer'],
    [
      { rank: 5 },
      "rank is 5, but the kernel of 'backbone/column-0/level-0/block-0/expand' is 4 x 16",
    ],
    [{ alpha: 0 }, 'alpha is 0; expected a number above 0'],
    [{ alpha: NaN }, 'alpha is NaN'],
    [{ rank: 1, targets: [] }, 'targets is []; expected a list of names'],
    [{ rank: 1, targets: 'expand' as unknown as string[] }, 'targets is "expand"; expected a list'],
    [
      { rank: 1, targets: ['expand', 'attention'] },
      "nothing in revcol_tiny is called 'attention'. Kinds there: 'pointwise', 'fusion'; names: 'expand', " +
        "'project', 'down', 'up', 'top'",
    ],
    [{ rank: 1, targets: ['expan'] }, "is called 'expan'"],
  ])('with %j', async (options, message) => {
    const before = [model.trainableWeights, model.weights];
    await expectNoLeak(() => {
      expect(() => addAdapters(model, options)).toThrow(message);
    });
    expect([model.trainableWeights, model.weights]).toEqual(before);
  });

  test('twice, and where there are none', async () => {
    const none = 'has no adapters; call addAdapters first';
    expect(() => removeAdapters(model)).toThrow(`removeAdapters: revcol_tiny ${none}`);
    expect(() => mergeAdapters(model)).toThrow(none);
    expect(() => unmergeAdapters(model)).toThrow('has no merged adapters; call addAdapters');
    await expect(saveAdapters(model)).rejects.toThrow(none);
    addAdapters(model, { rank: 1 });
    expect(() => addAdapters(model)).toThrow('has adapters of rank 1 already; call removeAdapters');
    expect(() => unmergeAdapters(model)).toThrow('has no merged adapters; they are on');
    mergeAdapters(model);
    const merged = 'are merged into its weights; call unmergeAdapters first';
    expect(() => addAdapters(model)).toThrow('has merged adapters of rank 1 already');
    expect(() => removeAdapters(model)).toThrow(merged);
    expect(() => mergeAdapters(model)).toThrow(merged);
    await expect(saveAdapters(model)).rejects.toThrow(merged);
    await expect(loadAdapters(model, new Uint8Array(8))).rejects.toThrow(merged);
  });

  test('of a model with nothing to adapt', () => {
    const plain = tf.sequential({
      layers: [tf.layers.conv2d({ inputShape: [4, 4, 1], filters: 1, kernelSize: 3 })],
    });
    expect(() => addAdapters(plain)).toThrow('has nothing that an adapter could change');
    plain.dispose();
  });

  test('to be unmerged from kernels that were trained meanwhile, until the merge is final', () => {
    addAdapters(model, { rank: 1 });
    mergeAdapters(model);
    const kernel = model.weights.find((w) => /expand\/kernel$/.test(w.originalName));
    tf.tidy(() => void kernel?.write(tf.zerosLike(kernel.read())));
    expect(() => unmergeAdapters(model)).toThrow('has changed since the adapters');
    mergeAdapters(model, { keep: false });
    addAdapters(model, { rank: 1 });
  });

  test('on another base, from another file, and of another model; nothing changes', async () => {
    addAdapters(other, { rank: 2 });
    randomizeAdapters(other);
    const file = path.join(dir, 'adapters.safetensors');
    await saveAdapters(other, file, { metadata: { task: 'digits' } });
    const { metadata, entries, close } = await openCheckpoint(file);
    await close();
    expect([...entries.keys()].slice(0, 2)).toEqual([
      'backbone/column-0/level-0/block-0/expand/lora_a',
      'backbone/column-0/level-0/block-0/expand/lora_b',
    ]);
    expect(Object.fromEntries(metadata)).toMatchObject({
      task: 'digits',
      base_model: 'revcol_tiny',
      base_checksum: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
      rank: '2',
      alpha: '2',
    });
    const x = REVCOL.input();
    const before = outputOf(model, x);
    const gamma = model.weights.find((w) => /norm\/gamma$/.test(w.originalName));
    const kept = tf.tidy(() => tf.keep(tf.add(gamma?.read() as tf.Tensor, 0)));
    tf.tidy(() => void gamma?.write(tf.add(kept, 1)));
    const wrong = loadAdapters(model, file);
    await expect(wrong).rejects.toThrow(
      /trained on other weights than those of revcol_tiny.*checksum/,
    );
    await expect(wrong).rejects.toBeInstanceOf(CheckpointError);
    await loadAdapters(model, file, { checkBase: false });
    removeAdapters(model);
    gamma?.write(kept);
    kept.dispose();
    await loadAdapters(model, file);
    expect(outputOf(model, x)).toEqual(outputOf(other, x));
    removeAdapters(model);
    expect(outputOf(model, x)).toEqual(before);
    removeAdapters(other);
    const checkpoint = await saveCheckpoint(other);
    await expect(loadAdapters(model, checkpoint)).rejects.toThrow('holds no adapters');
    const stock = (SUBJECTS['stock layers'] as Subject).make();
    await expect(loadAdapters(stock, file)).rejects.toThrow(
      "an adapter of 'backbone/column-0/level-0/block-0/expand', which is no projection of",
    );
    stock.dispose();
    x.dispose();
  });
});
