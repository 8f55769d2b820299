/** Loading: what fits what, and nothing written unless everything does. */
import * as tf from '@tensorflow/tfjs';

import { type CheckpointError, layers, loadCheckpoint } from 'tfjs-revcol';
import { type ByteSource, memorySource } from '../../src/weights/bytes/source';
import { CheckpointError as ErrorClass } from '../../src/weights/errors';
import { loadFresh } from '../../src/weights/load_checkpoint';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { describeGoldens } from '../support/goldens';
import { goldenExpected, goldenModel, goldenPath, goldenTensor } from './support/golden_model';
import {
  type NamedTensor,
  type Parts,
  pthOf,
  renamed,
  safetensorsOf,
  smallModel,
  tensorsOf,
  valuesOf,
} from './support/small_checkpoint';

/** A failed load: its error, after a check that no weight changed and no tensor is left. */
async function failure(
  model: tf.LayersModel,
  ...args: Parameters<typeof loadCheckpoint> extends [unknown, ...infer Rest] ? Rest : never
): Promise<CheckpointError> {
  const before = valuesOf(model);
  let error: unknown;
  await expectNoLeak(async () => {
    error = await loadCheckpoint(model, ...args).then(
      () => new Error('it loaded'),
      (reason: unknown) => reason,
    );
  });
  expect(error).toBeInstanceOf(ErrorClass);
  expect(valuesOf(model)).toEqual(before);
  return error as CheckpointError;
}

describeBackends('loadCheckpoint', () => {
  let trained: tf.LayersModel;
  let tensors: NamedTensor[];
  let model: tf.LayersModel;

  beforeAll(async () => {
    trained = smallModel(1);
    tensors = await tensorsOf(trained);
  });
  beforeEach(() => (model = smallModel(2)));
  afterEach(() => model.dispose());
  afterAll(() => trained.dispose());

  const expectLoaded = (): void => expect(valuesOf(model)).toEqual(valuesOf(trained));

  test('sets every weight, reports progress, leaks nothing', async () => {
    const fractions: number[] = [];
    const names = tensors.map(({ name }) => name);
    await expectNoLeak(async () => {
      const options = { onProgress: (fraction: number) => fractions.push(fraction) };
      const report = await loadCheckpoint(model, await safetensorsOf(tensors), options);
      expect(report).toEqual({ loaded: names, missing: [], unexpected: [] });
    });
    expectLoaded();
    expect(fractions).toHaveLength(names.length);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1, 12);
  });

  test.each(['module.', 'backbone.', 'model.', 'module.backbone.', 'student.encoder.'])(
    'finds the prefix %s',
    async (prefix) => {
      const file = pthOf({ model: renamed(tensors, (name) => prefix + name) });
      const report = await loadCheckpoint(model, file);
      expect(report.loaded).toEqual(tensors.map(({ name }) => name));
      expectLoaded();
    },
  );

  test.each(['', 'backbone.', 'module.backbone.'])(
    'leaves out the averages that mmcv keeps beside weights with the prefix %s',
    async (prefix) => {
      const own = renamed(tensors, (name) => prefix + name);
      const wrapped = prefix.startsWith('module.') ? 'module.' : '';
      const averages = own.map(({ name, ...t }) => ({
        ...t,
        name: `${wrapped}ema_${name.slice(wrapped.length).replaceAll('.', '_')}`,
        data: t.data.map((v) => v + 1),
      }));
      const report = await loadCheckpoint(model, pthOf({ state_dict: [...own, ...averages] }));
      expect(report).toMatchObject({ missing: [], unexpected: [] });
      expectLoaded();
      // By themselves they are no weights.
      const lone = [...own, ...renamed(averages.slice(0, 1), (name) => `${name}_more`)];
      const { message } = await failure(model, pthOf({ state_dict: lone }));
      expect(message).toContain('1 not in the model');
    },
  );

  test('takes a prefix that is given, where a file holds two sets of weights', async () => {
    const both = [
      ...renamed(tensors, (name) => `student.${name}`),
      ...renamed(tensors, (name) => `teacher.${name}`).map((t) => ({
        ...t,
        data: t.data.map((v) => v + 1),
      })),
    ];
    const file = await safetensorsOf(both);
    expect((await failure(model, file)).message).toContain('pass one of these as prefix');
    const options = { prefix: 'student.', strict: false };
    const report = await loadCheckpoint(model, file, options);
    expect(report.unexpected).toEqual(tensors.map(({ name }) => `teacher.${name}`));
    expectLoaded();
  });

  test('takes model before state_dict before the dict itself, or the key given', async () => {
    const other = tensors.map((t) => ({ ...t, data: t.data.map((v) => v * 2) }));
    const files: Parts[] = [
      { state_dict: other, model: tensors, state_dict_ema: other },
      { optimizer: other, state_dict: tensors },
      tensors,
    ];
    for (const parts of files) {
      const fresh = smallModel(3);
      await loadCheckpoint(fresh, pthOf(parts));
      expect(valuesOf(fresh)).toEqual(valuesOf(trained));
      fresh.dispose();
    }
    const file = pthOf({ model: other, state_dict_ema: tensors });
    await loadCheckpoint(model, file, { key: 'state_dict_ema' });
    expectLoaded();
    expect((await failure(model, file, { key: 'ema' })).message).toContain("'state_dict_ema'");
    const safetensors = await safetensorsOf(tensors);
    expect(await failure(model, safetensors, { key: 'ema' })).toMatchObject({ code: 'mismatch' });
  });

  test('says what is missing and what is too much', async () => {
    const file = pthOf({ model: tensors });
    const deeper = smallModel(3, { columns: 3 });
    const missing = await failure(deeper, file);
    expect(missing.code).toBe('mismatch');
    expect(missing.message).toMatch(/nothing was loaded\.\n\d+ missing from the file: subnet2\./);
    const shallower = smallModel(4, { columns: 1 });
    expect((await failure(shallower, file)).message).toMatch(/\d+ not in the model: subnet1\./);

    const report = await loadCheckpoint(deeper, file, { strict: false });
    expect(report.missing.every((name) => name.startsWith('subnet2.'))).toBe(true);
    expect(report.missing.length).toBeGreaterThan(10);
    const [own, wanted] = [valuesOf(deeper), valuesOf(trained)];
    for (const [name, values] of wanted) expect(own.get(name)).toEqual(values);
    deeper.dispose();
    shallower.dispose();
  });

  test('says both shapes, also when not strict', async () => {
    const other = smallModel(3, { numClasses: 7 });
    for (const strict of [true, false]) {
      const { code, message } = await failure(other, pthOf(tensors), { strict });
      expect(code).toBe('mismatch');
      expect(message).toContain('2 of another shape:');
      expect(message).toContain('cls.classifier.1.weight: [4, 3] in the file, [7, 3] in the model');
      expect(message).toContain("For another number of classes pass head: 'skip'.");
    }
    // A stem of other pixels is not one of other channels.
    const coarse = smallModel(3, { patchSize: 4, inputShape: [16, 16, 3] });
    expect((await failure(coarse, pthOf(tensors))).message).toContain(
      "Build the model with the file's columns, channels and depths",
    );
    coarse.dispose();
    const wider = smallModel(3, { channels: [4, 6] });
    const { message } = await failure(wider, pthOf(tensors));
    // Five of many are shown.
    expect(message.match(/in the file/g)).toHaveLength(5);
    other.dispose();
    wider.dispose();
  });

  test("head: 'skip' keeps the model's head, with a warning", async () => {
    const other = smallModel(3, { numClasses: 7 });
    const before = valuesOf(other);
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const report = await loadCheckpoint(other, pthOf(tensors), { head: 'skip' });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /4 weights of the head do not fit those in the file .*, such as \S+: they stay .* to be trained/,
    );
    warn.mockRestore();
    expect(report.loaded).toHaveLength(tensors.length - 4);
    for (const [name, values] of valuesOf(other)) {
      const source = name.startsWith('head/') ? before : valuesOf(trained);
      expect(values).toEqual(source.get(name));
    }
    other.dispose();
  });

  test("head: 'skip' takes a head that fits, without a warning", async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    await loadCheckpoint(model, pthOf(tensors), { head: 'skip' });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    expectLoaded();
  });

  test('a file that fails in the middle leaves the model as it was', async () => {
    const file = memorySource(pthOf({ model: tensors }));
    let reads = 0;
    for (let budget = 4; budget < 60; budget += 11) {
      reads = 0;
      const source: ByteSource = {
        size: file.size,
        read: async (offset, length) => {
          if (reads++ > budget) throw new ErrorClass('io', 'the line is cut');
          return file.read(offset, length);
        },
      };
      expect(await failure(model, source)).toMatchObject({ code: 'io' });
    }
    // A tensor near the end that does not pass its checksum.
    const damaged = pthOf({ model: tensors });
    const last = tensors.at(-1) as NamedTensor;
    const at = Buffer.from(damaged).indexOf(Buffer.from(last.data.buffer));
    damaged[at] = (damaged[at] as number) ^ 1;
    expect(await failure(model, damaged)).toMatchObject({ code: 'corrupt' });
  });

  test('a model that nobody has seen yet gets each weight as soon as it is read', async () => {
    const fractions: number[] = [];
    const before = valuesOf(model);
    const onProgress = (fraction: number) => {
      fractions.push(fraction);
      if (fractions.length === 1) expect(valuesOf(model)).not.toEqual(before);
    };
    await expectNoLeak(() => loadFresh(model, pthOf(tensors), { onProgress }));
    expect(fractions).toHaveLength(tensors.length);
    expectLoaded();
  });

  test('a model that cannot be written in the middle keeps its values', async () => {
    const victim = model.weights[20] as tf.LayerVariable;
    const write = jest.spyOn(victim, 'write').mockImplementation(() => {
      throw new Error('no');
    });
    expect((await failure(model, pthOf(tensors))).message).toBe('The model cannot be written: no');
    write.mockRestore();
    await loadCheckpoint(model, pthOf(tensors));
    expectLoaded();
  });

  test('loads into a model of one’s own, whatever its layers are called', async () => {
    const own = tf.sequential();
    const size = { channels: [2, 3], depths: [1, 1], patchSize: 2 };
    own.add(layers.revColBackbone({ ...size, columns: 2, inputShape: [8, 8, 3] }));
    own.add(layers.revColHead({ units: 4 }));
    own.add(tf.layers.dense({ units: 2, name: 'mine' }));
    const message = (await failure(own, pthOf(tensors))).message;
    expect(message).toContain('2 missing from the file: mine/kernel, mine/bias');
    const report = await loadCheckpoint(own, pthOf(tensors), { strict: false });
    expect(report.missing).toEqual(['mine/kernel', 'mine/bias']);
    tf.tidy(() => {
      const x = tf.randomNormal([2, 8, 8, 3], 0, 1, 'float32', 4);
      const logits = own.layers.slice(0, 2).reduce((y, l) => l.apply(y) as tf.Tensor, x);
      expectClose(logits, trained.predict(x) as tf.Tensor, 1e-6, 'logits');
    });
    own.dispose();
  });

  test('asks which backbone is meant where there are two', async () => {
    const input = tf.input({ shape: [8, 8, 3] });
    const size = { channels: [2, 3], depths: [1, 1], patchSize: 2, columns: 2 };
    const [a, b] = ['left', 'right'].map((name) =>
      layers.revColBackbone({ ...size, name }).apply(input),
    );
    const outputs = [a, b] as tf.SymbolicTensor[];
    const two = tf.model({ inputs: input, outputs });
    const backboneOnly = pthOf(tensors.filter(({ name }) => !name.startsWith('cls.')));
    expect((await failure(two, backboneOnly)).message).toContain("layers: {NAME: 'backbone'}");
    const options = { layers: { right: 'backbone' }, strict: false };
    const report = await loadCheckpoint(two, backboneOnly, options);
    expect(report.loaded).toHaveLength(tensors.length - 4);
    expect(report.missing.every((name) => name.startsWith('left/'))).toBe(true);
    two.dispose();
  });
});

describeGoldens('intermediate supervision', () => {
  describeBackends(
    "supervision: 'skip'",
    () => {
      test.each(['supervised', 'supervised_many_classes'] as const)('%s', async (name) => {
        const golden = goldenExpected(name);
        const model = goldenModel(golden, { intermediateSupervision: false });
        const file = goldenPath(name, '.pth');
        expect((await failure(model, file)).message).toContain("supervision: 'skip'");
        const { missing, unexpected } = await loadCheckpoint(model, file, { supervision: 'skip' });
        expect([...missing, ...unexpected]).toEqual([]);
        tf.tidy(() => {
          const logits = model.predict(goldenTensor(golden, 'x')) as tf.Tensor;
          expectClose(logits, goldenTensor(golden, 'logits.3'), 1e-5, 'logits');
        });
        model.dispose();
      });
    },
    { only: ['wasm'] },
  );
});
