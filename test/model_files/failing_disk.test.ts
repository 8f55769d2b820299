/** Saving and loading a model when the n-th call of the file system fails. */
import * as os from 'node:os';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs-core';

import { fileSystem } from 'tfjs-revcol/node';
import { age, contentOf, disk, failAtEach, wholeDisk as fs } from '../support/failing_disk';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_disk')>('../support/failing_disk').brittle(),
);

let root: string;
beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-failing-'));
});
afterAll(() => fs.rm(root, { recursive: true }));

/** A model with weights all of one value, over three files at 20 bytes each. */
const artifacts = (value: number): tf.io.ModelArtifacts => ({
  modelTopology: { value },
  weightSpecs: [{ name: 'w', shape: [15], dtype: 'float32' }],
  weightData: new Float32Array(15).fill(value).buffer,
});
const save = (folder: string, value: number) =>
  fileSystem(folder, { shardBytes: 20 }).save(artifacts(value));

/** The value of the model in a folder, all of whose weights must agree. */
async function load(folder: string): Promise<number> {
  const { modelTopology, weightData } = await fileSystem(folder).load();
  const bytes = Buffer.concat((weightData as ArrayBuffer[]).map((part) => Buffer.from(part)));
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 60));
  expect(new Set(values)).toEqual(new Set([(modelTopology as { value: number }).value]));
  return values[0] as number;
}

/** That what is in the folder is model `value` and nothing else. */
async function expectOnly(folder: string, value: number): Promise<void> {
  expect(await load(folder)).toBe(value);
  const names = Object.keys(await contentOf(folder));
  expect(names.filter((name) => !/^weights-\w+\.[123]of3\.bin$/.test(name))).toEqual([
    'model.json',
  ]);
  expect(names).toHaveLength(4);
}

test('saving over a model: the one before or the one after, and the next save is right', async () => {
  const folder = path.join(root, 'over');
  let before: Record<string, string> = {};
  const outcomes = { before: 0, after: 0, unconfirmed: 0 };
  const calls = await failAtEach(
    async () => {
      await fs.rm(folder, { recursive: true, force: true });
      await save(folder, 1);
      before = await contentOf(folder);
    },
    () => save(folder, 2),
    async ({ call, error }) => {
      const value = await load(folder);
      if (error === undefined) {
        // Only clearing away failed.
        expect(value).toBe(2);
        outcomes.after += 1;
      } else {
        expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
        expect((error as Error).message).toContain(folder);
        if (value === 1) {
          expect(await contentOf(folder)).toEqual(before);
          outcomes.before += 1;
        } else {
          // The disk does not confirm the last step: the old weights stay, in case it was not made.
          expect(call).toMatch(/^(handle\.(sync|close)|open .*over)$/);
          expect((error as Error).message).toContain('may not survive a loss of power');
          expect(await contentOf(folder)).toMatchObject(
            Object.fromEntries(Object.entries(before).filter(([name]) => name !== 'model.json')),
          );
          outcomes.unconfirmed += 1;
        }
      }
      await age(folder);
      await save(folder, 3);
      await expectOnly(folder, 3);
    },
  );
  expect(outcomes).toEqual({
    before: calls.findIndex((call) => call.startsWith('rename')) + 1,
    after: expect.any(Number) as number,
    unconfirmed: 3,
  });
  expect(outcomes.before).toBeGreaterThan(20);
  expect(outcomes.after).toBeGreaterThan(5);
  await expectOnly(folder, 2);
});

test('saving waits for the disk before it renames, and again before it removes', async () => {
  const folder = path.join(root, 'order');
  await save(folder, 1);
  disk.calls = [];
  await save(folder, 2);
  const names = disk.calls.map((call) => call.split(' ')[0]);
  const renamed = names.indexOf('rename');
  const isSync = (name: string | undefined) => name === 'handle.sync';
  // Three files of weights, model.json, and the folder that holds them.
  expect(names.slice(0, renamed).filter(isSync)).toHaveLength(5);
  expect(names.slice(0, renamed)).not.toContain('rm');
  expect(names.slice(renamed, names.indexOf('rm')).filter(isSync)).toHaveLength(1);
  await expectOnly(folder, 2);
});

test('saving into folders that do not exist: they are there with the model, or not at all', async () => {
  const outer = path.join(root, 'outer');
  const folder = path.join(outer, 'inner', 'model');
  await failAtEach(
    () => fs.rm(outer, { recursive: true, force: true }),
    () => save(folder, 2),
    async ({ error }) => {
      const there = await fs.stat(outer).then(
        () => true,
        () => false,
      );
      if (there) await expectOnly(folder, 2);
      else expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
      await save(folder, 3);
      expect(await load(folder)).toBe(3);
    },
  );
});

test('loading: an error that names the file, and the next load is right', async () => {
  const folder = path.join(root, 'loading');
  await save(folder, 1);
  const before = await contentOf(folder);
  const calls = await failAtEach(
    async () => undefined,
    () => load(folder),
    async ({ error }) => {
      expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
      expect((error as Error).message).toContain(folder);
      expect(await load(folder)).toBe(1);
    },
  );
  expect(calls.length).toBeGreaterThan(12);
  expect(await contentOf(folder)).toEqual(before);
  expect(disk.open.size).toBe(0);
});
