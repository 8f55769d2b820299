/** Where training is saved: files, also on failing disks, IndexedDB, bytes; and what is damaged. */
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { IDBFactory } from 'fake-indexeddb';

import {
  AdamW,
  loadTraining,
  openCheckpoint,
  removeTraining,
  savedTraining,
  saveTraining,
  trainingStep,
} from 'tfjs-revcol';
import { blobSource } from '../../src/weights/bytes/source';
import { expectNoLeak, useBackend } from '../support/backends';
import { contentOf, disk, failAtEach, wholeDisk as fs } from '../support/failing_disk';
import { normalTensor, randomizeWeights } from '../support/training_step';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_disk')>('../support/failing_disk').brittle(),
);

let root: string;
let files = 0;
const newFile = () => path.join(root, `run-${files++}.safetensors`);

beforeAll(async () => {
  await useBackend('wasm');
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-training-'));
});
afterAll(() => fs.rm(root, { recursive: true }));

interface Parts {
  model: tf.LayersModel;
  optimizer: AdamW;
}

function makeParts(seed = 1): Parts {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
  randomizeWeights(model.weights, seed);
  return { model, optimizer: new AdamW() };
}

function train({ model, optimizer }: Parts): void {
  tf.tidy(() => {
    const x = normalTensor([2, 3], 1);
    trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y)) as tf.Scalar);
  });
}

/** What training would change, as text. */
async function stateOf({ model, optimizer }: Parts): Promise<string> {
  const saved = await optimizer.getWeights();
  const all = [...model.getWeights(), ...saved.map(({ tensor }) => tensor)];
  return JSON.stringify(await Promise.all(all.map(async (t) => [...(await t.data())])));
}

function free({ model, optimizer }: Parts): void {
  model.dispose();
  optimizer.dispose();
}

/** Parts after one step and after two, with their states. */
async function twoStates(): Promise<{
  parts: Parts;
  first: string;
  second: string;
  blobs: Blob[];
}> {
  const parts = makeParts();
  const [states, blobs]: [string[], Blob[]] = [[], []];
  for (const step of [1, 2]) {
    train(parts);
    states.push(await stateOf(parts));
    blobs.push(await saveTraining(null, { ...parts, step, extra: { losses: [step] } }));
  }
  const [first, second] = states as [string, string];
  return { parts, first, second, blobs };
}

/** What a target gives to fresh parts. */
async function loaded(target: string): Promise<{ step: number; state: string }> {
  const parts = makeParts(9);
  const { step } = await loadTraining(target, parts);
  const state = await stateOf(parts);
  free(parts);
  return { step, state };
}

describe('files', () => {
  test('in a folder that is made; looked at; saved over; removed', async () => {
    const { parts, second } = await twoStates();
    const file = path.join(root, 'new', 'folder', 'run.safetensors');
    expect(await savedTraining(file)).toBeNull();
    await saveTraining(file, { ...parts, step: 1 });
    expect(await savedTraining(file)).toEqual({ step: 1, extra: undefined });
    await saveTraining(file, { ...parts, step: 2, extra: { losses: [0.5, null], 'a b': 'ü' } });
    expect(await savedTraining(file)).toEqual({
      step: 2,
      extra: { losses: [0.5, null], 'a b': 'ü' },
    });
    expect(await fs.readdir(path.dirname(file))).toEqual(['run.safetensors']);
    expect(await loaded(file)).toEqual({ step: 2, state: second });
    await removeTraining(file);
    await removeTraining(file);
    expect(await savedTraining(file)).toBeNull();
    await expect(loaded(file)).rejects.toMatchObject({ code: 'io' });
    free(parts);
  });

  test('are safetensors, whose tensors have the names of the weights', async () => {
    const { parts, blobs } = await twoStates();
    const checkpoint = await openCheckpoint(blobs[1] as Blob);
    const names = [...checkpoint.entries.keys()];
    expect(names.slice(1, -1)).toEqual([
      'model/dense-0/kernel',
      'model/dense-0/bias',
      ...['m', 'v'].map((slot) => `optimizer/model/dense-0/kernel/${slot}`),
      ...['m', 'v'].map((slot) => `optimizer/model/dense-0/bias/${slot}`),
    ]);
    expect(await checkpoint.read('model/dense-0/bias')).toEqual(
      Float32Array.from(await (parts.model.getWeights()[1] as tf.Tensor).data()),
    );
    expect(checkpoint.metadata.get('step')).toBe('2');
    free(parts);
  });

  test('that cannot be written leave what was there, and nothing else', async () => {
    const { parts, first, second, blobs } = await twoStates();
    const file = newFile();
    const before = Buffer.from(await (blobs[0] as Blob).arrayBuffer());
    const outcomes = new Set<string>();
    const calls = await failAtEach(
      () => fs.writeFile(file, before),
      () => expectNoLeak(() => saveTraining(file, { ...parts, step: 2 })),
      async ({ error }) => {
        const { step, state } = await loaded(file);
        outcomes.add(`${error === undefined ? 'fine' : 'failed'}, ${step}`);
        expect(state).toBe(step === 1 ? first : second);
        if (error === undefined) expect(step).toBe(2);
        else expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
        const left = (await fs.readdir(root)).filter((name) =>
          name.startsWith(path.basename(file)),
        );
        expect(left).toEqual([path.basename(file)]);
      },
    );
    expect(calls.length).toBeGreaterThan(10);
    // Also where only the disk does not confirm what is written.
    expect([...outcomes].sort()).toEqual(['failed, 1', 'failed, 2', 'fine, 2']);
    free(parts);
  });

  test('that cannot be read change nothing', async () => {
    const { parts, blobs } = await twoStates();
    const file = newFile();
    await fs.writeFile(file, Buffer.from(await (blobs[0] as Blob).arrayBuffer()));
    const before = await stateOf(parts);
    const calls = await failAtEach(
      async () => undefined,
      () => expectNoLeak(() => loadTraining(file, parts)),
      async ({ call, error }) => {
        if (call === 'handle.close') return;
        expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
        expect(await stateOf(parts)).toBe(before);
      },
    );
    expect(calls.length).toBeGreaterThan(3);
    free(parts);
  });

  test('that fail in the second reading change nothing, or the error says what', async () => {
    const { parts, first, blobs } = await twoStates();
    const whole = new Uint8Array(await (blobs[0] as Blob).arrayBuffer());
    const told: string[] = [];
    for (let failing = 1, done = false; !done; failing++) {
      const target = makeParts(7);
      train(target);
      const before = await stateOf(target);
      let reads = 0;
      const source = {
        size: whole.length,
        read: async (offset: number, length: number) => {
          if (++reads === failing) throw new Error('EIO');
          return whole.subarray(offset, offset + length);
        },
      };
      await expectNoLeak(async () => {
        const error = (await loadTraining(source, target).then(
          () => null,
          (e: unknown) => e,
        )) as Error | null;
        done = error === null;
        const partly = /failed when \d of 2 weights had been loaded/.exec(
          error?.message ?? '',
        )?.[0];
        if (partly) told.push(partly);
        if (partly?.startsWith('failed when 1')) return;
        expect(await stateOf(target)).toBe(done ? first : before);
      });
      free(target);
    }
    expect(told).toEqual([0, 1].map((n) => `failed when ${n} of 2 weights had been loaded`));
    free(parts);
  });

  test('are loaded and saved a tensor at a time', async () => {
    const make = () => {
      const layers = [8, 16, 4].map((units, i) =>
        tf.layers.dense(i === 0 ? { units, inputShape: [3] } : { units }),
      );
      return { model: tf.sequential({ layers }), optimizer: new AdamW() };
    };
    const parts = make();
    train(parts);
    const largest = 4 * Math.max(...parts.model.weights.map((w) => (w.read() as tf.Tensor).size));
    const blob = await saveTraining(null, { ...parts, step: 1 });
    const target = make();
    const source = blobSource(blob);
    let peak = 0;
    const watched = {
      ...source,
      read: (offset: number, length: number) => {
        peak = Math.max(peak, tf.memory().numBytes);
        return source.read(offset, length);
      },
    };
    const before = tf.memory().numBytes;
    await loadTraining(watched, target);
    const after = tf.memory().numBytes;
    // The moments are new, and weights take the place of those that were there.
    expect(after).toBeGreaterThan(before + 2 * largest);
    expect(peak).toBeLessThanOrEqual(after + largest);
    free(target);
    free(parts);
  });

  test('of other kinds, places that there are not', async () => {
    const parts = makeParts();
    const file = newFile();
    const loading = (content: string | Uint8Array) =>
      fs.writeFile(file, content).then(() => loadTraining(file, parts));
    await expect(loading('{"a": 1} and more')).rejects.toMatchObject({ code: 'format' });
    const { writeSafetensors } = await import('../../src/weights/safetensors/writer');
    const weights = await writeSafetensors([
      { name: 'a', shape: [1], read: async () => new Float32Array(1) },
    ]);
    const bytes = new Uint8Array(await weights.arrayBuffer());
    await expect(loading(bytes)).rejects.toThrow('is no training; expected what saveTraining');
    await expect(loading('')).rejects.toMatchObject({ code: 'corrupt' });
    for (const target of ['https://example.org/run', 's3://bucket/run']) {
      await expect(saveTraining(target, { ...parts, step: 0 })).rejects.toMatchObject({
        code: 'unsupported',
      });
      await expect(savedTraining(target)).rejects.toMatchObject({ code: 'unsupported' });
    }
    const folder = path.join(root, 'a-file');
    await fs.writeFile(folder, '');
    const below = saveTraining(path.join(folder, 'run'), { ...parts, step: 0 });
    await expect(below).rejects.toMatchObject({ name: 'CheckpointError', code: 'io' });
    free(parts);
  });

  test('of another version', async () => {
    const { parts, blobs } = await twoStates();
    const text = Buffer.from(await (blobs[0] as Blob).arrayBuffer()).toString('latin1');
    const newer = text.replace('"tfjs_revcol_training":"1"', '"tfjs_revcol_training":"2"');
    const loading = loadTraining(Buffer.from(newer, 'latin1'), parts);
    await expect(loading).rejects.toMatchObject({ code: 'unsupported' });
    await expect(loading).rejects.toThrow('this version of tfjs-revcol reads form 1');
    free(parts);
  });
});

describe('damaged bytes', () => {
  test('cut short anywhere, or with any byte changed, are told, and nothing changes', async () => {
    const { parts, blobs } = await twoStates();
    const whole = new Uint8Array(await (blobs[0] as Blob).arrayBuffer());
    const before = await stateOf(parts);
    const refused: unknown[] = [];
    const expectRefused = async (bytes: Uint8Array) => {
      await loadTraining(bytes, parts).then(
        () => refused.push('loaded'),
        ({ name, code }: { name: string; code: string }) => refused.push(name && code),
      );
    };
    await expectNoLeak(async () => {
      for (let length = 0; length < whole.length; length += 13) {
        await expectRefused(whole.slice(0, length));
      }
      for (let at = 0; at < whole.length; at += 11) {
        const bytes = whole.slice();
        bytes[at] = (bytes[at] as number) ^ 4;
        await expectRefused(bytes);
      }
      const longer = new Uint8Array(whole.length + 8);
      longer.set(whole);
      await expectRefused(longer);
    });
    expect(new Set(refused)).toEqual(new Set(['corrupt', 'format', 'unsupported']));
    expect(await stateOf(parts)).toBe(before);
    free(parts);
  });
});

describe('IndexedDB', () => {
  beforeEach(() => {
    globalThis.indexedDB = new IDBFactory();
  });
  afterEach(() => {
    jest.restoreAllMocks();
    Reflect.deleteProperty(globalThis, 'indexedDB');
  });
  const TARGET = 'indexeddb://digits/run 1';

  test('takes training, gives it back, replaces it, removes it', async () => {
    const { parts, second } = await twoStates();
    expect(await savedTraining(TARGET)).toBeNull();
    await expect(loaded(TARGET)).rejects.toThrow(`nothing is saved at ${TARGET}`);
    await saveTraining(TARGET, { ...parts, step: 1 });
    await saveTraining(TARGET, { ...parts, step: 2, extra: [1] });
    expect(await savedTraining('indexeddb://other')).toBeNull();
    expect(await savedTraining(TARGET)).toEqual({ step: 2, extra: [1] });
    expect(await loaded(TARGET)).toEqual({ step: 2, state: second });
    await removeTraining(TARGET);
    expect(await savedTraining(TARGET)).toBeNull();
    free(parts);
  });

  test('that is full keeps what was there', async () => {
    const { parts, second } = await twoStates();
    await saveTraining(TARGET, { ...parts, step: 2 });
    train(parts);
    const full = new DOMException('full', 'QuotaExceededError');
    const store = (await import('fake-indexeddb')).IDBObjectStore.prototype as IDBObjectStore;
    jest.spyOn(store, 'put').mockImplementation(() => {
      throw full;
    });
    const saving = saveTraining(TARGET, { ...parts, step: 3 });
    await expect(saving).rejects.toMatchObject({ name: 'CheckpointError', code: 'io' });
    await expect(saving).rejects.toThrow("no space left in this site's storage");
    expect(await loaded(TARGET)).toEqual({ step: 2, state: second });
    free(parts);
  });

  test('that is not there is told of', async () => {
    Reflect.deleteProperty(globalThis, 'indexedDB');
    const parts = makeParts();
    for (const tried of [saveTraining(TARGET, { ...parts, step: 0 }), savedTraining(TARGET)]) {
      await expect(tried).rejects.toThrow('there is no IndexedDB here; in Node give a path');
    }
    free(parts);
  });
});

test('a file that is being written over is read whole', async () => {
  const { parts } = await twoStates();
  const file = newFile();
  await saveTraining(file, { ...parts, step: 0 });
  let saving = true;
  const saves = async () => {
    for (let step = 1; step <= 30; step++) await saveTraining(file, { ...parts, step });
    saving = false;
  };
  const seen = new Set<number>();
  const reads = async () => {
    while (saving) seen.add((await loaded(file)).step);
  };
  await Promise.all([saves(), reads()]);
  expect(seen.size).toBeGreaterThan(2);
  expect(disk.open.size).toBe(0);
  expect(Object.keys(await contentOf(root)).filter((name) => /partial/.test(name))).toEqual([]);
  free(parts);
});
