/** Runs of `fineTune` that are stopped, saved, gone on with, or fail: nothing is lost, nothing left behind. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  DivergedError,
  fineTune,
  type FineTuneOptions,
  type RunSettings,
  tensorSource,
} from 'tfjs-revcol';
import { Sampler } from '../../src/finetune/base/sampler';
import { describeBackends, expectNoLeak } from '../support/backends';
import { expectExactResume } from './stopped';
import { breaking, pictures, SIDE, stockModel, TINY, tinyModel, weightsOf } from './support';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-fine-tune-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const MODEL = { name: 'revcol_tiny', ...TINY } as const;
const FEW: FineTuneOptions = { epochs: 4, batch: 8, seed: 3, learningRate: 0.01, saveEvery: 0 };

describeBackends(
  'runs of fineTune',
  () => {
    test('stopped anywhere and gone on with, a run ends as one that was not', async () => {
      const train = (more: RunSettings) => fineTune(MODEL, pictures(24), { ...FEW, ...more });
      await expectExactResume(train, ['validationLoss'], folder, [1, 4, 7]);
    });

    test('with a head of its own first', async () => {
      const run = async (options: FineTuneOptions) => {
        const given = stockModel(3);
        const values = given.getWeights().map((w, i) => tf.fill(w.shape, 0.01 * (i + 1)));
        given.setWeights(values);
        tf.dispose(values);
        const { model } = await fineTune(given, pictures(24), {
          ...FEW,
          headEpochs: 2,
          ...options,
        });
        const weights = weightsOf(model);
        model.dispose();
        given.dispose();
        return weights;
      };
      const whole = await run({});
      for (const stopAt of [2, 5, 6, 8]) {
        const saveTo = path.join(folder, String(stopAt));
        const controller = new AbortController();
        const onStep: FineTuneOptions['onStep'] = ({ step }) => {
          if (step === stopAt) controller.abort(new Error('enough'));
        };
        await expect(run({ saveTo, signal: controller.signal, onStep })).rejects.toThrow('enough');
        expect(await run({ saveTo, resume: true })).toEqual(whole);
      }
    });
  },
  { only: ['cpu', 'wasm'] },
);

describeBackends(
  'runs of fineTune, whatever the backend computes',
  () => {
    test('a run that was saved is not overwritten, nor gone on with by other settings', async () => {
      const saveTo = path.join(folder, 'run');
      const onEpoch = () => {
        throw new Error('broken');
      };
      await expect(fineTune(MODEL, pictures(24), { ...FEW, saveTo, onEpoch })).rejects.toThrow(
        'broken',
      );
      await expect(fineTune(MODEL, pictures(24), { ...FEW, saveTo })).rejects.toThrow(
        /holds a training that is not finished; go on with it by resume: true/,
      );
      await expect(
        fineTune(MODEL, pictures(24), { ...FEW, saveTo, resume: true, learningRate: 0.5 }),
      ).rejects.toThrow(/has learningRate 0\.01, this one 0\.5/);
      await expect(fineTune(MODEL, pictures(32), { ...FEW, saveTo, resume: true })).rejects.toThrow(
        /is of other examples: 20 to train on, now 26 to train on;/,
      );
      const others = { ...pictures(24), name: (i: number) => `another ${i}` };
      await expect(fineTune(MODEL, others, { ...FEW, saveTo, resume: true })).rejects.toThrow(
        /is of other examples: 20 to train on, now 20 to train on, with other names or classes/,
      );
    });

    test('a given model has its weights again after a failure', async () => {
      for (const train of ['all', 'head', 'adapters'] as const) {
        const given = tinyModel();
        const before = weightsOf(given);
        const trained = given.trainableWeights.length;
        await expectNoLeak(() =>
          expect(
            fineTune(given, pictures(16), {
              ...FEW,
              train,
              onEpoch: () => Promise.reject(new Error('mine')),
            }),
          ).rejects.toThrow('mine'),
        );
        expect(weightsOf(given)).toEqual(before);
        expect(given.trainableWeights).toHaveLength(trained);
        given.dispose();
      }
    });

    test('onEpoch ends training by false, with the best weights', async () => {
      const { model, stopped, best } = await fineTune(MODEL, pictures(24), {
        ...FEW,
        onEpoch: ({ epoch }) => epoch < 2,
      });
      expect(stopped).toBe('callback');
      expect(best?.epoch).toBeLessThanOrEqual(2);
      model.dispose();
    });

    test('patience: training ends when it gets no better', async () => {
      const { model, stopped, history } = await fineTune(MODEL, pictures(24), {
        ...FEW,
        epochs: 50,
        patience: 2,
        learningRate: 1e-9,
        ema: false,
      });
      expect(stopped).toBe('patience');
      expect(history.at(-1)?.epoch).toBe(3);
      model.dispose();
    });

    test.each([
      ['the last epoch', { epochs: 2 }, 2, 'epochs'],
      ['the end of patience', { epochs: 9, patience: 1, learningRate: 1e-9, ema: false }, 2],
    ] as const)('onEpoch throws at %s: gone on with, it takes no step more', async (...given) => {
      const [, options, last, stopped = 'patience'] = given;
      const saveTo = path.join(folder, 'run');
      const whole = await fineTune(MODEL, pictures(24), { ...FEW, ...options });
      expect([whole.stopped, whole.steps]).toEqual([stopped, 3 * last]);
      const onEpoch: FineTuneOptions['onEpoch'] = ({ epoch }) => {
        if (epoch === last) throw new Error('mine');
      };
      await expect(
        fineTune(MODEL, pictures(24), { ...FEW, ...options, saveTo, onEpoch }),
      ).rejects.toThrow('mine');
      const again = await fineTune(MODEL, pictures(24), {
        ...FEW,
        ...options,
        saveTo,
        resume: true,
      });
      expect([again.stopped, again.steps]).toEqual([stopped, whole.steps]);
      expect(again.best).toEqual(whole.best);
      expect(weightsOf(again.model)).toEqual(weightsOf(whole.model));
      whole.model.dispose();
      again.model.dispose();
    });

    test.each([
      ['column_1/level_1/block_0/expand/kernel', 'backbone/column-1'],
      ['column_1/level_0/alpha', 'backbone/column-1'],
      ['head/norm/gamma', 'head'],
    ])('a loss that is not finite ends at the step: %s', async (broken, place) => {
      const given = tinyModel();
      const saveTo = path.join(folder, 'run');
      const before = weightsOf(given);
      const run = fineTune(given, pictures(24), {
        ...FEW,
        saveTo,
        onStep: ({ step }) => {
          if (step !== 5) return;
          const kernel = given.weights.find((w) => w.originalName.includes(broken));
          const nan = tf.fill(kernel?.shape as number[], NaN);
          kernel?.write(nan);
          nan.dispose();
        },
      });
      const error = await expectNoLeak(() => run.catch((e: unknown) => e));
      expect(error).toBeInstanceOf(DivergedError);
      expect(error).toMatchObject({ step: 6, layer: place });
      expect((error as Error).message).toMatch(
        /the loss of step 6 is NaN\. The first layer whose output is not finite is '.*', whose weights .* are not finite .* begin again with learningRate 0\.003 or less; it was 0\.01$/,
      );
      expect(weightsOf(given)).toEqual(before);
      // What was saved before goes on.
      const { model } = await fineTune(given, pictures(24), { ...FEW, saveTo, resume: true });
      expect(weightsOf(model).flat().every(Number.isFinite)).toBe(true);
      given.dispose();
    });

    test('what memory chose is gone on with, whatever else lives in tensors then', async () => {
      const run = async (more: FineTuneOptions) => {
        const options = { ...FEW, epochs: 2, augment: 'none', ...more } as const;
        const { model, settings, history } = await fineTune(MODEL, pictures(24), options);
        const weights = weightsOf(model);
        model.dispose();
        return { weights, settings, steps: history.map(({ step, loss }) => [step, loss]) };
      };
      const least = async (): Promise<number> => {
        const error = await run({ memory: 1 }).catch((e: unknown) => e as Error);
        const [, kilobytes] = /of the head ([\d.]+) kB/.exec((error as Error).message) ?? [];
        return 1000 * Number(kilobytes);
      };
      const memory = 1.5 * (await least());
      const whole = await run({ memory });
      const chosen = [whole.settings.train, whole.settings.part];
      expect(chosen).not.toEqual(['all', 8]);
      const saveTo = path.join(folder, 'run');
      const onEpoch = () => {
        throw new Error('enough');
      };
      await expect(run({ memory, saveTo, onEpoch })).rejects.toThrow('enough');
      const other = tf.zeros([Math.ceil(memory / 4)]);
      await expect(run({ memory })).rejects.toThrow(/memory is/);
      expect(await run({ memory, saveTo, resume: true })).toEqual(whole);
      other.dispose();
    });

    test('a disk that fails ends nothing, and a folder that was removed is made again', async () => {
      const saveTo = path.join(folder, 'run');
      const failures: unknown[] = [];
      const { model, steps } = await fineTune(MODEL, pictures(24), {
        ...FEW,
        saveTo,
        onSaveFailed: (error) => failures.push(error),
        onStep: ({ step }) => {
          if (step === 2) fs.rmSync(saveTo, { recursive: true });
          // A file where the folder should be.
          if (step === 4) fs.rmSync(saveTo, { recursive: true });
          if (step === 4) fs.writeFileSync(saveTo, 'in the way');
          if (step === 6) fs.rmSync(saveTo);
        },
      });
      expect(steps).toBe(12);
      expect(failures.length).toBeGreaterThan(0);
      expect(fs.readdirSync(saveTo).sort()).toEqual(['best.safetensors', 'last.safetensors']);
      model.dispose();
    });

    test('pictures that cannot be read leave steps out, and it goes on exactly', async () => {
      const all = Array.from({ length: 24 }, (_, i) => i);
      const order = new Sampler(all, 4, 3).order(0, 0);
      // The second step as a whole, one example of the third, and the last step.
      const broken = new Set([...order.slice(4, 9), ...order.slice(20)]);
      const options = { ...FEW, epochs: 2, batch: 4, validation: 0, onError: 'skip' } as const;
      const run = async (more: FineTuneOptions) => {
        const { model, steps, history } = await fineTune(MODEL, breaking(24, broken), {
          ...options,
          ...more,
        });
        const weights = weightsOf(model);
        model.dispose();
        return { steps, weights, losses: history.map(({ step, loss }) => [step, loss]) };
      };
      const whole = await run({});
      for (const stopAt of [1, 2, 5]) {
        const saveTo = path.join(folder, String(stopAt));
        const controller = new AbortController();
        const onStep: FineTuneOptions['onStep'] = ({ step }) => {
          if (step === stopAt) controller.abort(new Error('enough'));
        };
        await expect(run({ saveTo, signal: controller.signal, onStep })).rejects.toThrow('enough');
        expect(await run({ saveTo, resume: true })).toEqual(whole);
      }
    });

    test('where no picture can be read, to train on or to look at, it says so', async () => {
      const all = new Set(Array.from({ length: 12 }, (_, i) => i));
      const broken = breaking(12, all);
      const options = { ...FEW, onError: 'skip' } as const;
      await expectNoLeak(async () => {
        await expect(fineTune(MODEL, broken, { ...options, validation: 0 })).rejects.toThrow(
          /^fineTune: none of 12 examples can be read; the first is picture \d+: is cut short$/,
        );
        await expect(
          fineTune(MODEL, pictures(12), { ...options, validation: broken }),
        ).rejects.toThrow(
          /^fineTune: validation: none of 12 examples can be read; the first is picture 0: is cut/,
        );
      });
    });

    test('memory: parts of a step whose gradients are added, or a word that it cannot be', async () => {
      const run = async (memory?: number) => {
        const result = await fineTune(MODEL, pictures(24), {
          ...FEW,
          epochs: 1,
          ema: false,
          augment: 'none',
          memory,
        });
        const weights = weightsOf(result.model);
        result.model.dispose();
        return { ...result, weights };
      };
      const free = await run();
      const peak = Math.max(...free.history.map(({ peakBytes }) => peakBytes ?? 0));
      const bound = await run(peak * 0.8);
      expect(bound.settings).toMatchObject({ train: 'all', batch: 8 });
      expect(bound.settings.part).toBeLessThan(8);
      expect(Math.max(...bound.history.map(({ peakBytes }) => peakBytes ?? 0))).toBeLessThan(
        peak * 0.8,
      );
      const difference = bound.weights
        .flat()
        .map((w, i) => Math.abs(w - (free.weights.flat()[i] as number)));
      expect(Math.max(...difference)).toBeLessThan(1e-3);
      await expectNoLeak(() =>
        expect(run(1000)).rejects.toThrow(
          /memory is 1\.00 kB, but with one example at a time training takes/,
        ),
      );
    });
  },
  { only: ['wasm'] },
);

test('data that cannot be learned from are refused before anything', async () => {
  await tf.setBackend('cpu');
  const given = tinyModel();
  const before = weightsOf(given);
  const wrong: [data: Parameters<typeof fineTune>[1], says: RegExp][] = [
    [pictures(10, ['a', 'b'], Array(10).fill(0)), /all 10 examples are of one class, "a"/],
    [pictures(10, ['a']), /all 10 examples are of one class/],
    [pictures(10, ['a', 'b', 'c'], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), /no example of class "c"/],
    [
      pictures(10, ['a', 'b'], [0, 1, 2, 0, 1, 0, 1, 0, 1, 0]),
      /the label of "picture 2" is 2; expected .*from 0 to 1/,
    ],
    [pictures(0), /the data hold no example/],
    [
      { x: tf.zeros([4, 3]), y: [0, 1, 0, 1] },
      /x is \[null, 3\], but revcol_tiny takes \[null, 8, 8, 3\]/,
    ],
    [{ x: tf.zeros([4, SIDE, SIDE, 3]), y: [0, 1, 0] }, /4 examples and y 3 labels/],
    [
      { x: tf.zeros([4, SIDE, SIDE, 3]), y: [0, 1, 2, 3] },
      /the label of example 2 is 2, but revcol_tiny has 2 classes; .* give classNames/,
    ],
  ];
  for (const [data, says] of wrong) {
    await expectNoLeak(() => expect(fineTune(given, data, FEW)).rejects.toThrow(says));
  }
  expect(weightsOf(given)).toEqual(before);
  given.dispose();
});

test('options of the wrong kind are refused, whether the data need them or not', async () => {
  await tf.setBackend('cpu');
  const given = tinyModel();
  const data = { x: tf.zeros([4, SIDE, SIDE, 3]), y: [0, 1, 0, 1] };
  const wrong: [options: Record<string, unknown>, says: RegExp][] = [
    [{ signal: {} }, /fineTune: signal is \{\}; expected an AbortSignal/],
    [{ adapters: true }, /fineTune: adapters: options are true; expected an object/],
    [
      { adapters: { ranks: 2 } },
      /fineTune: adapters: there is no option 'ranks'; did you mean 'rank'/,
    ],
    [{ preprocessing: 5 }, /fineTune: preprocessing: options are 5/],
    [{ preprocessing: { input_size: 5 } }, /preprocessing: there is no option 'input_size'/],
    [{ augment: null }, /fineTune: augment is null; expected one of 'none', 'light'/],
    [{ augment: 0 }, /fineTune: augment is 0; expected one of/],
    [{ augment: { flips: 1 } }, /there is no option 'flips'; did you mean 'flip'/],
    [{ augment: { flip: 2 } }, /flip is 2; expected a probability/],
    [{ train: 10n }, /fineTune: train is 10; expected one of 'all'/],
    [{ resume: 10n }, /fineTune: resume is 10; expected true or false/],
  ];
  for (const [options, says] of wrong) {
    await expectNoLeak(() =>
      expect(fineTune(given, data, { ...FEW, ...options })).rejects.toThrow(says),
    );
  }
  for (const length of [NaN, Infinity, -1, 1.5]) {
    const source = { ...pictures(4), length };
    await expect(fineTune(given, source, FEW)).rejects.toThrow(
      `fineTune: the length of the data is ${length}; expected an integer of at least 0`,
    );
  }
  data.x.dispose();
  given.dispose();
});

test('a batch of a dataset may have more labels than a call may have arguments', async () => {
  await tf.setBackend('cpu');
  const count = 300_000;
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] });
  const stream = async function* () {
    await Promise.resolve();
    yield {
      xs: tf.zeros([count, 1]),
      ys: tf.tidy(() => tf.mod(tf.range(0, count, 1, 'int32'), 3)),
    };
  };
  // Read to its end, where the third class is told.
  await expectNoLeak(() =>
    expect(fineTune(model, stream(), FEW)).rejects.toThrow(/the label of example 2 is 2/),
  );
  model.dispose();
});

test('examples that are not finite are told from training that diverges', async () => {
  await tf.setBackend('cpu');
  const given = tinyModel();
  const y = [0, 1, 0, 1, 0, 1, 0, 1];
  for (const value of [NaN, Infinity]) {
    const x = tf.tidy(() => tf.linspace(-1, 1, 8 * SIDE * SIDE * 3).reshape([8, SIDE, SIDE, 3]));
    const wrong = tf.tidy(() =>
      tf.concat([tf.slice(x, 0, 3), tf.fill([1, SIDE, SIDE, 3], value), tf.slice(x, 4)]),
    );
    await expectNoLeak(async () => {
      const error = await fineTune(given, { x, y }, { ...FEW, validation: { x: wrong, y } }).catch(
        (e: unknown) => e,
      );
      expect(error).not.toBeInstanceOf(DivergedError);
      expect((error as Error).message).toBe(
        'fineTune: the examples for validation hold values that are not finite, at first example 3. ' +
          'Give finite ones',
      );
      await expect(fineTune(given, { x: wrong, y }, { ...FEW, validation: 0 })).rejects.toThrow(
        /The examples of the step hold values that are not finite/,
      );
    });
    tf.dispose([x, wrong]);
  }
  given.dispose();
});

test('a dataset of examples of several shapes is refused', async () => {
  await tf.setBackend('cpu');
  const given = tinyModel();
  const stream = async function* () {
    for (const side of [SIDE, SIDE, SIDE + 1]) {
      yield await Promise.resolve({ xs: tf.zeros([2, side, SIDE, 3]), ys: tf.tensor1d([0, 1]) });
    }
  };
  await expectNoLeak(() =>
    expect(fineTune(given, stream(), FEW)).rejects.toThrow(
      /the examples of the dataset are \[8, 8, 3\] at first, but \[9, 8, 3\] from example 4 on; expected one/,
    ),
  );
  given.dispose();
});

test('tensors and datasets are taken as the model takes them', async () => {
  await tf.setBackend('cpu');
  const source = pictures(24);
  const images = await Promise.all(Array.from({ length: 24 }, (_, i) => source.read(i)));
  const bytes = Uint8Array.from(images.flatMap(({ data }) => Array.from(data)));
  const labels = Array.from({ length: 24 }, (_, i) => source.label(i));
  const x = tf.tensor4d(
    Float32Array.from(bytes, (b) => b / 128 - 1),
    [24, SIDE, SIDE, 3],
  );
  await expectNoLeak(async () => {
    const results = [];
    const dataset = tf.data.zip({
      xs: tf.data.array(
        Array.from({ length: 24 }, (_, i) =>
          tf.tidy(() => tf.slice(x, i, 1).squeeze([0]).arraySync()),
        ),
      ),
      ys: tf.data.array(labels),
    });
    for (const data of [{ x, y: labels }, dataset.batch(5) as never]) {
      const { model, evaluation } = await fineTune(MODEL, data, { ...FEW, epochs: 6 });
      results.push({ weights: weightsOf(model), evaluation });
      model.dispose();
    }
    expect(results[1]).toEqual(results[0]);
  });
  const bytesSource = await tensorSource({ data: bytes, shape: [24, SIDE, SIDE, 3] }, labels);
  const { model } = await fineTune(MODEL, bytesSource, { ...FEW, epochs: 1 });
  model.dispose();
  x.dispose();
});
