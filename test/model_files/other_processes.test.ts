/** Folders that others write to as well: saves at the same time, saves that were killed, forgeries. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';

import { fileSystem } from 'tfjs-revcol/node';

let root: string;
let folders = 0;
const newFolder = () => path.join(root, `model-${folders++}`);

beforeAll(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-others-'));
});
afterAll(() => fs.rmSync(root, { recursive: true }));

const artifacts = (value: number): tf.io.ModelArtifacts => ({
  modelTopology: { value },
  weightSpecs: [{ name: 'w', shape: [50], dtype: 'float32' }],
  weightData: new Float32Array(50).fill(value).buffer,
});
const save = (folder: string, value = 1) =>
  fileSystem(folder, { shardBytes: 60 }).save(artifacts(value));

async function load(location: string): Promise<number> {
  const { modelTopology, weightData } = await fileSystem(location).load();
  const bytes = Buffer.concat((weightData as ArrayBuffer[]).map((part) => Buffer.from(part)));
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 200));
  expect(new Set(values)).toEqual(new Set([(modelTopology as { value: number }).value]));
  return values[0] as number;
}

const pathsOf = (folder: string): string[] =>
  (
    JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8')) as {
      weightsManifest: { paths: string[] }[];
    }
  ).weightsManifest.flatMap(({ paths }) => paths);

describe('loading while others save', () => {
  test('gives the model before or the one after, every time', async () => {
    const folder = newFolder();
    await save(folder, 1);
    const seen: number[] = [];
    let saving = true;
    const saves = async () => {
      for (let value = 2; value <= 40; value++) await save(folder, value);
      saving = false;
    };
    const loads = async () => {
      while (saving) seen.push(await load(folder));
    };
    await Promise.all([saves(), loads(), loads()]);
    expect(new Set(seen).size).toBeGreaterThan(3);
    expect(await load(folder)).toBe(40);
  });

  test('mixes nothing where another program writes over the weights, as tfjs-node does', async () => {
    const folder = newFolder();
    await save(folder, 1);
    const files = pathsOf(folder).map((name) => path.join(folder, name));
    expect(files).toHaveLength(4);
    let writing = true;
    // A writer that never leaves time for a whole load would rightly be an error.
    let slowestLoad = 0;
    const writes = async () => {
      for (let value = 2; writing; value++) {
        const bytes = Buffer.from(new Float32Array(50).fill(value).buffer);
        files.forEach((file, i) => fs.writeFileSync(file, bytes.subarray(60 * i, 60 * (i + 1))));
        await new Promise((done) => setTimeout(done, 4 + slowestLoad));
      }
    };
    const seen = new Set<number>();
    const loads = async () => {
      // On a busy machine the writer comes seldom.
      for (let i = 0; i < 60 || (seen.size <= 3 && i < 6000); i++) {
        const start = performance.now();
        const { weightData } = await fileSystem(folder).load();
        slowestLoad = Math.max(slowestLoad, performance.now() - start);
        const bytes = Buffer.concat((weightData as ArrayBuffer[]).map((part) => Buffer.from(part)));
        const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset).slice(0, 200));
        expect(new Set(values).size).toBe(1);
        seen.add(values[0] as number);
      }
      writing = false;
    };
    await Promise.all([writes(), loads()]);
    expect(seen.size).toBeGreaterThan(3);
  });

  test('gives up where model.json changes again and again, and its weights are never there', async () => {
    const folder = newFolder();
    await save(folder);
    for (const name of pathsOf(folder)) fs.rmSync(path.join(folder, name));
    const file = path.join(folder, 'model.json');
    let writing = true;
    const writes = async () => {
      while (writing) {
        fs.appendFileSync(file, ' ');
        await new Promise((done) => setImmediate(done));
      }
    };
    const loading = load(folder).finally(() => (writing = false));
    await Promise.all([writes(), expect(loading).rejects.toMatchObject({ code: 'io' })]);
    expect(fs.readdirSync(folder)).toEqual(['model.json']);
  });

  test('two saves at a time leave one of the two, whole', async () => {
    const folder = newFolder();
    for (let round = 0; round < 10; round++) {
      await Promise.all([save(folder, 100 + round), save(folder, 200 + round)]);
      expect((await load(folder)) % 100).toBe(round);
    }
  });
});

describe('what killed saves have left', () => {
  const OLD = new Date(Date.now() - 2 * 3600e3);
  const leave = (folder: string, name: string, time: Date, content = 'x'): string => {
    fs.writeFileSync(path.join(folder, name), content);
    fs.utimesSync(path.join(folder, name), time, time);
    return name;
  };

  test('goes with the next save, when it is old; what others wrote stays', async () => {
    const folder = newFolder();
    await save(folder);
    const [first, last] = ['weights-0123456789ab.1of2.bin', 'weights-0123456789ab.2of2.bin'];
    for (const name of [first, last, `${first}.json.partial`, 'weights-ba9876543210.json.partial'])
      leave(folder, name as string, OLD);
    const running = 'weights-fedcba987654.1of3.bin';
    leave(folder, running, new Date());
    const others = [
      'weights.bin',
      'weights-1.bin',
      'weights-0123456789ab.bin',
      'weights-0123456789AB.1of2.bin',
      'my-weights-0123456789ab.1of2.bin',
      'weights-0123456789ab.1of2.bin.bak',
      'group1-shard1of1.bin',
      'model.json.partial',
      'notes.json.partial',
    ].map((name) => leave(folder, name, OLD));
    await save(folder, 2);
    const kept = fs.readdirSync(folder).filter((name) => !pathsOf(folder).includes(name));
    expect(kept.sort()).toEqual([...others, running, 'model.json'].sort());
    expect(await load(folder)).toBe(2);
  });

  test.each(['best.json', 'model.json.bak', 'Best.JSON'])(
    'stays while %s names it, and so do weights that a save replaces',
    async (copy) => {
      const folder = newFolder();
      await save(folder, 1);
      fs.copyFileSync(path.join(folder, 'model.json'), path.join(folder, copy));
      const named = pathsOf(folder);
      await save(folder, 2);
      for (const name of named) fs.utimesSync(path.join(folder, name), OLD, OLD);
      await save(folder, 3);
      expect(await load(path.join(folder, copy))).toBe(1);
      fs.rmSync(path.join(folder, copy));
      await save(folder, 4);
      expect(fs.readdirSync(folder).sort()).toEqual([...pathsOf(folder), 'model.json'].sort());
    },
  );
});

describe('weight files outside the folder of model.json are refused', () => {
  const secret = () => path.join(root, 'secret.bin');
  beforeAll(() => fs.writeFileSync(secret(), Buffer.alloc(200)));

  async function naming(name: string): Promise<string> {
    const folder = newFolder();
    await save(folder);
    const file = path.join(folder, 'model.json');
    const json = JSON.parse(fs.readFileSync(file, 'utf8')) as tf.io.ModelJSON;
    json.weightsManifest = [
      { paths: [name], weights: [{ name: 'w', shape: [50], dtype: 'float32' }] },
    ];
    fs.writeFileSync(file, JSON.stringify(json));
    return folder;
  }

  test.each([
    ['../secret.bin'],
    ['sub/../../secret.bin'],
    ['sub/../weights.bin'],
    ['..'],
    [''],
    ['..\\secret.bin'],
    ['sub\\weights.bin'],
    ['C:\\secret.bin'],
    ['c:secret.bin'],
    ['file:///secret.bin'],
    ['https://example.org/secret.bin'],
    ['weights.bin\0.txt'],
  ])('%j', async (name) => {
    const loading = load(await naming(name));
    await expect(loading).rejects.toMatchObject({ name: 'CheckpointError', code: 'unsupported' });
    await expect(loading).rejects.toThrow('put the weight files into the folder of model.json');
  });

  test('an absolute path', async () => {
    await expect(load(await naming(secret()))).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('a link, also by way of a folder; links inside the folder are fine', async () => {
    const folder = await naming('weights.bin');
    fs.symlinkSync('../secret.bin', path.join(folder, 'weights.bin'));
    await expect(load(folder)).rejects.toThrow(`a file beside it, not a link to`);
    fs.rmSync(path.join(folder, 'weights.bin'));
    fs.symlinkSync('own.bin', path.join(folder, 'weights.bin'));
    fs.writeFileSync(
      path.join(folder, 'own.bin'),
      Buffer.from(new Float32Array(50).fill(1).buffer),
    );
    expect(await load(folder)).toBe(1);
    const deep = await naming('sub/secret.bin');
    fs.symlinkSync('..', path.join(deep, 'sub'));
    await expect(load(deep)).rejects.toMatchObject({ code: 'unsupported' });
    fs.rmSync(path.join(deep, 'sub'));
    fs.mkdirSync(path.join(deep, 'sub'));
    fs.copyFileSync(path.join(folder, 'own.bin'), path.join(deep, 'sub', 'secret.bin'));
    expect(await load(deep)).toBe(1);
  });

  test('something that is no file', async () => {
    const folder = await naming('weights.bin');
    fs.mkdirSync(path.join(folder, 'weights.bin'));
    await expect(load(folder)).rejects.toThrow('is not a file');
  });

  test('a folder that is a link, and a cache that keeps all files elsewhere, load', async () => {
    const folder = newFolder();
    await save(folder, 7);
    const link = newFolder();
    fs.symlinkSync(folder, link);
    expect(await load(link)).toBe(7);
    const snapshot = newFolder();
    fs.mkdirSync(snapshot);
    for (const name of fs.readdirSync(folder)) {
      fs.symlinkSync(path.join(folder, name), path.join(snapshot, name));
    }
    expect(await load(snapshot)).toBe(7);
  });
});
