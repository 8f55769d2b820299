/** Writing and reading checkpoint files when the n-th call of the file system fails. */
import * as os from 'node:os';
import * as path from 'node:path';

import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import { contentOf, disk, failAtEach, wholeDisk as fs } from '../support/failing_disk';
import { pthOf } from './support/small_checkpoint';

jest.mock('node:fs/promises', () =>
  jest.requireActual<typeof import('../support/failing_disk')>('../support/failing_disk').brittle(),
);

let root: string;
beforeAll(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-failing-'));
});
afterAll(() => fs.rm(root, { recursive: true }));

const write = (file: string, value: number) =>
  writeSafetensors(
    ['a', 'b', 'c'].map((name) => ({
      name,
      shape: [5],
      read: async () => new Float32Array(5).fill(value),
    })),
    file,
  );

async function read(file: string): Promise<number> {
  const checkpoint = await openCheckpoint(file);
  try {
    const values = new Set<number>();
    for (const name of checkpoint.entries.keys()) {
      for (const value of await checkpoint.read(name)) values.add(value);
    }
    expect(values.size).toBe(1);
    return [...values][0] as number;
  } finally {
    await checkpoint.close();
  }
}

test.each([
  ['over another one', 1],
  ['where none is', undefined],
])('writing a file %s: the one before or the one after, nothing beside it', async (_, before) => {
  const folder = path.join(root, `writing-${before}`);
  const file = path.join(folder, 'weights.safetensors');
  let failures = 0;
  const calls = await failAtEach(
    async () => {
      await fs.rm(folder, { recursive: true, force: true });
      await fs.mkdir(folder);
      if (before !== undefined) await write(file, before);
    },
    () => write(file, 2),
    async ({ call, error }) => {
      const names = Object.keys(await contentOf(folder));
      const value = names.length === 0 ? undefined : await read(file);
      expect(names).toEqual(value === undefined ? [] : ['weights.safetensors']);
      if (error === undefined) expect(value).toBe(2);
      else {
        failures += 1;
        expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
        expect((error as Error).message).toContain(`${file} cannot be written`);
        if (value !== before) {
          // Only to wait for the folder failed, after the file was complete.
          expect({ call, value }).toEqual({ call: expect.any(String) as string, value: 2 });
          expect((error as Error).message).toContain('may not survive a loss of power');
        }
      }
      await write(file, 3);
      expect(await read(file)).toBe(3);
    },
  );
  // Opening, four writes, waiting for the disk, closing, renaming; the folder.
  expect(failures).toBe(8 + 3);
  const names = calls.map((call) => call.split(' ')[0]);
  expect(names.slice(0, names.indexOf('rename'))).toContain('handle.sync');
  expect(names.slice(names.indexOf('rename'))).toContain('handle.sync');
});

test('reading a file: an error that names it, no file left open, and right the next time', async () => {
  const file = path.join(root, 'read.pth');
  const data = Float32Array.of(4, 4);
  await fs.writeFile(file, pthOf({ model: [{ name: 'a', shape: [2], data }] }));
  const calls = await failAtEach(
    async () => undefined,
    () => read(file),
    async ({ error }) => {
      expect(error).toMatchObject({ name: 'CheckpointError', code: 'io' });
      expect((error as Error).message).toContain(file);
      expect(await read(file)).toBe(4);
    },
  );
  expect(calls.length).toBeGreaterThan(3);
});

test('what killed writers left goes with the next one, when it is old, and nothing else', async () => {
  const folder = path.join(root, 'leftovers');
  await fs.mkdir(folder);
  const file = path.join(folder, 'weights.safetensors');
  const old = new Date(Date.now() - 2 * 3600e3);
  const leave = async (name: string, time: Date) => {
    await fs.writeFile(path.join(folder, name), 'x');
    await fs.utimes(path.join(folder, name), time, time);
    return name;
  };
  await leave('weights.safetensors.mf2abcd9.partial', old); // as 0.1.0 named them
  await leave('weights.safetensors.0123456789ab.partial', old);
  const kept = [
    await leave('weights.safetensors.ba9876543210.partial', new Date()),
    await leave('other.safetensors.0123456789ab.partial', old),
    await leave('weights.safetensors.partial', old),
    await leave('weights.safetensors.my-notes.partial', old),
    await leave('weights.safetensors.0123456789ab.txt', old),
  ];
  await write(file, 1);
  expect((await fs.readdir(folder)).sort()).toEqual([...kept, 'weights.safetensors'].sort());
});

test('stops on a signal, and leaves nothing behind', async () => {
  const folder = path.join(root, 'stopped');
  await fs.mkdir(folder);
  const controller = new AbortController();
  const reason = new Error('enough');
  const tensors = ['a', 'b', 'c'].map((name) => ({
    name,
    shape: [1],
    read: async () => {
      if (name === 'b') controller.abort(reason);
      if (name === 'c') throw new Error('read on');
      return Float32Array.of(1);
    },
  }));
  const { signal } = controller;
  const writing = writeSafetensors(tensors, path.join(folder, 'x'), { signal });
  await expect(writing).rejects.toBe(reason);
  expect(await fs.readdir(folder)).toEqual([]);
});

test('a tensor over 2 GiB goes in pieces that Node takes', async () => {
  const elements = 2 ** 29 + 3;
  // Its pages are never touched, so it takes no memory.
  const data = new Float32Array(elements);
  const written: [offset: number, length: number][] = [];
  // Node's own limit, and a disk that takes less than it is given.
  disk.write = async (bytes, offset = 0, length = (bytes as Uint8Array).byteLength) => {
    if ((length as number) > 2 ** 31 - 1) throw new RangeError(`length is ${String(length)}`);
    const bytesWritten = Math.min(length as number, 2 ** 30 - 7);
    written.push([offset as number, bytesWritten]);
    return { bytesWritten };
  };
  try {
    await writeSafetensors(
      [{ name: 'big', shape: [elements], read: async () => data }],
      path.join(root, 'big.safetensors'),
    );
  } finally {
    disk.write = undefined;
  }
  const [, ...pieces] = written;
  expect(pieces.length).toBeGreaterThan(2);
  let at = 0;
  for (const [offset, length] of pieces) {
    expect(offset).toBe(at);
    at += length;
  }
  expect(at).toBe(4 * elements);
  disk.write = async () => ({ bytesWritten: 0 });
  await expect(write(path.join(root, 'none'), 1)).rejects.toThrow('took none of');
  disk.write = undefined;
  expect(disk.open.size).toBe(0);
});
