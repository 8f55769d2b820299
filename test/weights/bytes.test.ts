/** Where bytes come from and go to, without a file or a server that fails. */
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import * as fc from 'fast-check';

import { type ByteSource, checkRange } from '../../src/weights/bytes/byte_source';
import { databaseFile, databaseSink, removeFromDatabase } from '../../src/weights/bytes/database';
import {
  type FileSystem,
  makeFolder,
  renameDurably,
  syncFolder,
} from '../../src/weights/bytes/durable';
import { isAbandoned, partialName } from '../../src/weights/bytes/leftovers';
import { readAhead } from '../../src/weights/bytes/read_ahead';
import { blobSink, fileSink, newFileSink } from '../../src/weights/bytes/sink';
import { blobSource, memorySource, openSource } from '../../src/weights/bytes/source';

const BYTES = Uint8Array.from({ length: 200 }, (_, i) => i);

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-bytes-'));
});
afterAll(() => fs.rm(folder, { recursive: true }));
const at = (...names: string[]) => path.join(folder, ...names);

describe('ranges', () => {
  const source: ByteSource = memorySource(BYTES, 'the file');

  test.each([
    [-1, 1, 'A read of 1 bytes at -1 makes no sense'],
    [0, -1, 'A read of -1 bytes at 0 makes no sense'],
    [NaN, 1, 'makes no sense'],
    [2 ** 53, 1, 'makes no sense'],
    [0.5, 1, 'makes no sense'],
    [199, 2, 'the file ends at byte 200, but bytes 199 to 201 are needed; the file is cut short'],
    [201, 0, 'the file ends at byte 200, but bytes 201 to 201'],
  ])('%d, %d bytes are refused', async (offset, length, message) => {
    const reading = source.read(offset, length);
    await expect(reading).rejects.toMatchObject({ name: 'CheckpointError', code: 'corrupt' });
    await expect(reading).rejects.toThrow(message);
  });

  test('up to the end are not, nor are none', async () => {
    expect([...(await source.read(198, 2))]).toEqual([198, 199]);
    expect([...(await source.read(200, 0))]).toEqual([]);
    expect(() => checkRange({ ...source, label: undefined }, 200, 1)).toThrow(
      'The checkpoint ends at byte 200',
    );
  });
});

describe('reading ahead', () => {
  const WINDOW = 16;
  /** The source read ahead of, and what was read of it. */
  function counted() {
    const reads: [offset: number, length: number][] = [];
    let closed = 0;
    const source: ByteSource = {
      ...{ size: BYTES.length, label: 'label' },
      read: async (offset, length) => {
        checkRange(source, offset, length);
        reads.push([offset, length]);
        return BYTES.subarray(offset, offset + length);
      },
      close: async () => {
        closed++;
      },
    };
    return { reads, ahead: readAhead(source, WINDOW), closed: () => closed };
  }

  test('gives the same bytes, whatever is read, and never asks for what is not there', async () => {
    const range = fc.nat(BYTES.length).chain((offset) => {
      return fc.tuple(fc.constant(offset), fc.nat(Math.min(40, BYTES.length - offset)));
    });
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), async (ranges) => {
        const { ahead } = counted();
        for (const [offset, length] of ranges) {
          const got = await ahead.read(offset, length);
          expect([...got]).toEqual([...BYTES.subarray(offset, offset + length)]);
        }
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  test('asks once for many small reads, and goes on from what is known', async () => {
    const { ahead, reads } = counted();
    for (let offset = 0; offset < 48; offset += 4) await ahead.read(offset, 4);
    expect(reads).toEqual([0, 16, 32].map((offset) => [offset, WINDOW]));
    // Half of it is known.
    expect([...(await ahead.read(40, 12))]).toEqual([...BYTES.subarray(40, 52)]);
    expect(reads.at(-1)).toEqual([48, WINDOW]);
    // The last window ends with the source.
    await ahead.read(190, 1);
    expect(reads.at(-1)).toEqual([190, 10]);
  });

  test('knows two places at a time; what is as long as a window is read as it is', async () => {
    const { ahead, reads } = counted();
    for (let i = 0; i < 3; i++) for (const offset of [0, 100]) await ahead.read(offset + i, 1);
    expect(reads).toEqual([0, 100].map((offset) => [offset, WINDOW]));
    await ahead.read(50, WINDOW);
    expect(reads.at(-1)).toEqual([50, WINDOW]);
    await ahead.read(50, WINDOW);
    expect(reads).toHaveLength(4);
    await ahead.read(150, 1);
    // The one that is longest ago has made room.
    await ahead.read(100, 1);
    expect(reads).toHaveLength(5);
    await ahead.read(0, 1);
    expect(reads).toHaveLength(6);
  });

  test('is called, closed and refused as what it reads', async () => {
    const { ahead, closed, reads } = counted();
    expect([ahead.size, ahead.label]).toEqual([BYTES.length, 'label']);
    await expect(ahead.read(199, 2)).rejects.toThrow('label ends at byte 200');
    expect(reads).toEqual([]);
    await ahead.close?.();
    expect(closed()).toBe(1);
    await readAhead(memorySource(BYTES), WINDOW).close?.();
  });
});

describe('sources', () => {
  test('buffers of any kind, and what reads by itself', async () => {
    const shared = new SharedArrayBuffer(3);
    new Uint8Array(shared).set([7, 8, 9]);
    expect([...(await (await openSource(shared as never)).read(1, 2))]).toEqual([8, 9]);
    const view = new DataView(BYTES.buffer, 10, 5);
    const seen = await openSource(view as never);
    expect([seen.size, ...(await seen.read(0, 2))]).toEqual([5, 10, 11]);
    const own: ByteSource = { size: 1, read: async () => Uint8Array.of(1) };
    expect(await openSource(own)).toBe(own);
    for (const bad of [null, 5, {}, { size: 1 }, { read: () => 1 }, { size: '1', read: () => 1 }]) {
      const opening = openSource(bad as never);
      await expect(opening).rejects.toMatchObject({ code: 'unsupported' });
      await expect(opening).rejects.toThrow(`got ${Object.prototype.toString.call(bad)}`);
    }
    await expect(openSource('http://[/x')).rejects.toMatchObject({
      ...{ name: 'CheckpointError', code: 'io' },
      message: 'http://[/x is no address that can be read',
    });
  });

  test('blobs are called by their names, and what cannot be read says so', async () => {
    const file = await openSource(new File([BYTES], 'weights.pth'));
    await expect(file.read(200, 1)).rejects.toThrow('weights.pth ends at byte 200');
    const blob = await openSource(new Blob([BYTES]));
    await expect(blob.read(200, 1)).rejects.toThrow('Blob ends at byte 200');
    const gone = new Blob([BYTES]);
    gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('it is gone')) }) as never;
    await expect(blobSource(gone, 'it').read(0, 1)).rejects.toMatchObject({
      ...{ name: 'CheckpointError', code: 'io', message: 'it cannot be read: it is gone' },
      cause: expect.objectContaining({ message: 'it is gone' }) as Error,
    });
  });
});

describe('sinks', () => {
  test('a Blob of all that was written, or of nothing', async () => {
    const sink = blobSink();
    const part = Uint8Array.of(1, 2);
    await sink.write(part);
    part.fill(9);
    await sink.write(new Uint8Array(0));
    await sink.write(Uint8Array.of(3));
    const blob = await sink.finish();
    expect(blob.type).toBe('application/octet-stream');
    expect([...new Uint8Array(await blob.arrayBuffer())]).toEqual([1, 2, 3]);
    await sink.abort();
    expect((await sink.finish()).size).toBe(0);
  });

  test('a new file, which none may be in the place of, and of which nothing is left when given up', async () => {
    const sink = await newFileSink(at('new'));
    await sink.write(BYTES);
    await sink.finish();
    expect((await fs.readFile(at('new'))).equals(BYTES)).toBe(true);
    await expect(newFileSink(at('new'), 'the model')).rejects.toMatchObject({
      ...{ name: 'CheckpointError', code: 'io' },
      message: expect.stringContaining('the model cannot be written: EEXIST') as string,
    });
    const other = await newFileSink(at('other'));
    await other.write(BYTES);
    await other.abort();
    await other.abort();
    expect(await fs.readdir(folder)).toEqual(['new']);
  });

  test('a file is there under its name once it is complete', async () => {
    const sink = await fileSink(at('late'));
    await sink.write(BYTES);
    const [partial, ...others] = (await fs.readdir(folder)).filter((name) => name !== 'new');
    expect(others).toEqual([]);
    expect(partial).toMatch(/^late\.[0-9a-f]{12}\.partial$/);
    await sink.finish();
    expect((await fs.readdir(folder)).sort()).toEqual(['late', 'new']);
    expect(await partialName('x')).not.toBe(await partialName('x'));
    await expect(fileSink('https://host/x?key=1')).rejects.toMatchObject({
      ...{ code: 'unsupported' },
      message: 'https://host/x?... is an address, to which nothing can be written; give a path',
    });
  });

  test('what pages keep in IndexedDB is said to need it', async () => {
    const sink = databaseSink('model');
    await sink.write(BYTES);
    for (const work of [sink.finish(), databaseFile('model'), removeFromDatabase('model')]) {
      await expect(work).rejects.toMatchObject({ name: 'CheckpointError', code: 'unsupported' });
      await expect(work).rejects.toThrow('indexeddb://model: there is no IndexedDB here');
    }
  });
});

describe('folders', () => {
  const failing = (code: string | undefined, close = async () => undefined) =>
    ({
      rename: async () => undefined,
      open: async () => ({
        sync: () => Promise.reject(Object.assign(new Error(`no ${code}`), { code })),
        close,
      }),
    }) as unknown as FileSystem;

  test('that cannot be waited for, as on Windows, need not be; a broken disk is told', async () => {
    for (const code of ['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])
      await syncFolder(failing(code), folder);
    const close = jest.fn(async () => undefined);
    for (const code of ['EIO', undefined])
      await expect(syncFolder(failing(code, close), folder)).rejects.toThrow(`no ${code}`);
    expect(close).toHaveBeenCalledTimes(2);
    await expect(renameDurably(failing('EIO'), at('a'), at('b'))).rejects.toThrow(
      'it is written, but may not survive a loss of power: Error: no EIO',
    );
  });

  test('that were made are unmade as far as they are empty, and no others', async () => {
    await fs.mkdir(at('there'));
    const undo = await makeFolder(fs, at('there', 'a', 'b'));
    await undo();
    expect(await fs.readdir(at('there'))).toEqual([]);
    await (
      await makeFolder(fs, at('there'))
    )();
    expect(await fs.readdir(folder)).toContain('there');
    const keep = await makeFolder(fs, at('there', 'a', 'b'));
    await fs.writeFile(at('there', 'a', 'x'), '');
    await keep();
    expect(await fs.readdir(at('there', 'a'))).toEqual(['x']);
  });

  test('are abandoned when all in them is old', async () => {
    const [now, old] = [Date.now(), new Date(Date.now() - 3_700_000)];
    const age = (...names: string[]) => fs.utimes(at(...names), old, old);
    await fs.mkdir(at('old', 'in'), { recursive: true });
    await fs.writeFile(at('old', 'in', 'file'), '');
    const abandoned = () => isAbandoned(fs, at('old'), now);
    expect(await abandoned()).toBe(false);
    await age('old');
    expect(await abandoned()).toBe(false);
    await age('old', 'in');
    expect(await abandoned()).toBe(false);
    await age('old', 'in', 'file');
    expect(await abandoned()).toBe(true);
    // By the clock of the file server: an hour has to have passed.
    expect(await isAbandoned(fs, at('old'), old.getTime() + 3_590_000)).toBe(false);
  });
});
