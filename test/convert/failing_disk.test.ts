/** Converting into a folder when the n-th call of the file system fails, and when it is stopped. */
import '@tensorflow/tfjs-backend-wasm';
import 'tfjs-revcol/layers';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { convertCheckpoint, type ConvertOptions } from '../../src/convert/convert_checkpoint';
import { folderSink } from '../../src/convert/model_sinks';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { contentOf, disk, failAtEach, wholeDisk as fs } from '../support/failing_disk';
import { safetensorsOf, smallModel, tensorsOf } from '../weights/support/small_checkpoint';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_disk')>('../support/failing_disk').brittle(),
);

let root: string;
let weights: Uint8Array;
let whole: Record<string, string>;

beforeAll(async () => {
  await tf.setBackend('wasm');
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-convert-'));
  const model = smallModel(3);
  const blob = await safetensorsOf(await tensorsOf(model));
  weights = new Uint8Array(await blob.arrayBuffer());
  model.dispose();
  await convert(path.join(root, 'whole'));
  whole = await contentOf(path.join(root, 'whole'));
  expect(Object.keys(whole)).toEqual([
    'group1-shard1of2.bin',
    'group1-shard2of2.bin',
    'model.json',
  ]);
});
afterAll(() => fs.rm(root, { recursive: true }));

async function convert(folder: string, options: ConvertOptions = {}): Promise<string> {
  const checkpoint = await openCheckpoint(weights);
  const bytes = [...checkpoint.entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  const shardBytes = Math.ceil(bytes / 2);
  const settings = { inputSize: [8, 8], shardBytes, ...options } as const;
  return (await convertCheckpoint(checkpoint, await folderSink(folder), settings)).model;
}

describe.each([
  ['a folder that does not exist, nor those above it', path.join('new', 'deep', 'model'), false],
  ['an empty folder', path.join('empty', 'model'), true],
])('%s', (_, name, present) => {
  test('is there with the whole model, or as it was', async () => {
    const folder = path.join(root, name);
    const outer = path.join(root, name.split(path.sep)[0] as string);
    const untouched: Record<string, string> = present ? { model: 'folder' } : {};
    let failures = 0;
    const calls = await failAtEach(
      async () => {
        await fs.rm(outer, { recursive: true, force: true });
        if (present) await fs.mkdir(folder, { recursive: true });
      },
      () => convert(folder),
      async ({ error }) => {
        if (error !== undefined) {
          failures += 1;
          expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
          expect((error as Error).message).toContain(`${folder}`);
        }
        const complete = await fs.stat(path.join(folder, 'model.json')).then(
          () => true,
          () => false,
        );
        if (complete) {
          expect(await contentOf(folder)).toEqual(whole);
          expect(await fs.readdir(path.dirname(folder))).toEqual(['model']);
        } else {
          expect(error).toBeDefined();
          expect(await contentOf(outer).catch(() => ({}))).toEqual(untouched);
          expect(await convert(folder)).toBe(`${folder}/model.json`);
          expect(await contentOf(folder)).toEqual(whole);
        }
      },
    );
    expect(failures).toBeGreaterThan(20);
    const names = calls.map((call) => call.split(' ')[0]);
    // Two files of weights, model.json, the folder; then the one that holds it.
    const isSync = (call: string | undefined) => call === 'handle.sync';
    expect(names.slice(0, names.indexOf('rename')).filter(isSync)).toHaveLength(4);
    expect(names.slice(names.indexOf('rename')).filter(isSync)).toHaveLength(1);
    expect(disk.open.size).toBe(0);
  });
});

test('stops on a signal and leaves nothing behind', async () => {
  const outer = path.join(root, 'stopped');
  const controller = new AbortController();
  const reason = new Error('enough');
  const converting = convert(path.join(outer, 'model'), {
    signal: controller.signal,
    onProgress: (fraction) => {
      if (fraction > 0.5) controller.abort(reason);
    },
  });
  await expect(converting).rejects.toBe(reason);
  await expect(fs.stat(outer)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a sink that is never used leaves nothing, and a link to an empty folder stays one', async () => {
  await folderSink(path.join(root, 'unused', 'model'));
  await expect(fs.stat(path.join(root, 'unused'))).rejects.toMatchObject({ code: 'ENOENT' });
  await fs.mkdir(path.join(root, 'real'));
  const link = path.join(root, 'link');
  await fs.symlink('real', link);
  expect(await convert(link)).toBe(`${link}/model.json`);
  expect((await fs.lstat(link)).isSymbolicLink()).toBe(true);
  expect(await contentOf(path.join(root, 'real'))).toEqual(whole);
});

test('what killed conversions left goes with the next one, when it is old', async () => {
  const outer = path.join(root, 'leftovers');
  const old = new Date(Date.now() - 2 * 3600e3);
  const leave = async (name: string, times: { folder: Date; file: Date }) => {
    const partial = path.join(outer, name);
    await fs.mkdir(partial, { recursive: true });
    const file = path.join(partial, 'group1-shard1of2.bin');
    await fs.writeFile(file, 'x');
    await fs.utimes(file, times.file, times.file);
    await fs.utimes(partial, times.folder, times.folder);
    return name;
  };
  await leave('model.mf2abcd9.partial', { folder: old, file: old });
  await leave('model.0123456789ab.partial', { folder: old, file: old });
  const kept = [
    await leave('model.ba9876543210.partial', { folder: old, file: new Date() }),
    await leave('other.0123456789ab.partial', { folder: old, file: old }),
  ];
  await convert(path.join(outer, 'model'));
  expect((await fs.readdir(outer)).sort()).toEqual(['model', ...kept].sort());
});

test('a precision that does not exist is refused before anything is read', async () => {
  const converting = convert(path.join(root, 'int4'), { dtype: 'int4' as never });
  await expect(converting).rejects.toThrow(/dtype is "int4"; expected one of 'float32'/);
});
