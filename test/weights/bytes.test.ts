/** Where bytes come from and go to, without a file or a server that fails. */
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { IDBFactory, IDBObjectStore } from 'fake-indexeddb';
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
import { blobSource, fileSource, memorySource, openSource } from '../../src/weights/bytes/source';
import { openUrl } from '../../src/weights/bytes/url_source';

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

test('files whose reads give less than was asked for, as those of file servers may', async () => {
  await fs.writeFile(at('slow'), BYTES);
  const handle = await fs.open(at('slow'));
  const prototype = Object.getPrototypeOf(handle) as fs.FileHandle;
  await handle.close();
  type Read = (to: Uint8Array, at: number, length: number, from: number) => Promise<unknown>;
  const original = prototype.read as Read;
  const read = jest.spyOn(prototype, 'read') as jest.SpyInstance;
  read.mockImplementation(function (this: fs.FileHandle, ...args: Parameters<Read>) {
    const [to, place, length, from] = args;
    // Node's own words for what does not fit.
    if (place + length > to.length) throw new RangeError('out of range');
    return original.call(this, to, place, Math.min(length, 7), from);
  });
  const source = await fileSource(at('slow'));
  expect([...(await source.read(10, 50))]).toEqual([...BYTES.subarray(10, 60)]);
  await source.close?.();
  read.mockRestore();
  await fs.rm(at('slow'));
});

test('servers without ranges, and files without ends', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation();
  const answers = (length: number) => ({
    fetch: async () => new Response(BYTES, { headers: { 'content-length': String(length) } }),
    retries: 0,
  });
  const url = 'http://host/model.pth?key=1';
  const whole = await openUrl(url, answers(BYTES.length));
  expect((whole as Blob).size).toBe(BYTES.length);
  expect(warn).not.toHaveBeenCalled();
  // From 64 MB on it is told, before all of it has come.
  await expect(openUrl(url, answers(64 << 20))).rejects.toThrow(
    'http://host/model.pth?... promised 67108864 bytes and sent only 200; gave up after 1 attempts',
  );
  expect(String(warn.mock.calls[0]?.[0])).toContain(
    'model.pth?...: the server ignores ranges, so all of the file (67108864 bytes) is downloaded',
  );
  const broken = new ReadableStream({ pull: (body) => body.error(new Error('the line')) });
  const cut = { fetch: async () => new Response(broken), retries: 0 };
  await expect(openUrl(url, cut)).rejects.toMatchObject({
    message: expect.stringContaining('the connection was cut: the line') as string,
    cause: { cause: { message: 'the line' } },
  });
  warn.mockRestore();
  const partly: typeof fetch = async (_, init) => {
    const [, first = 0, last = 0] = /(\d+)-(\d+)/.exec(JSON.stringify(init))?.map(Number) ?? [];
    const end = Math.min(last, BYTES.length - 1);
    const headers = { 'content-range': `bytes ${first}-${end}/${BYTES.length}` };
    return new Response(BYTES.slice(first, end + 1), { status: 206, headers });
  };
  const source = (await openUrl(url, { fetch: partly })) as ByteSource;
  expect([...(await source.read(198, 2))]).toEqual([198, 199]);
  await expect(source.read(199, 2)).rejects.toMatchObject({
    code: 'corrupt',
    message: 'http://host/model.pth?... ends at byte 200, but bytes 199 to 201 are needed',
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
      cause: expect.objectContaining({ code: 'EEXIST' }) as Error,
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

  test('IndexedDB: a whole file or none, in the place of the one before, until it is removed', async () => {
    globalThis.indexedDB = new IDBFactory();
    const textOf = async () => (await databaseFile('model'))?.text();
    const write = async (text: string) => {
      const sink = databaseSink('model');
      await sink.write(new TextEncoder().encode(text));
      return sink;
    };
    try {
      expect(await textOf()).toBeUndefined();
      const sink = await write('one');
      expect(await textOf()).toBeUndefined();
      await sink.finish();
      expect(await textOf()).toBe('one');
      await (await write('second')).finish();
      await (await write('never')).abort();
      expect(await textOf()).toBe('second');
      expect(await databaseFile('other')).toBeUndefined();
      const put = jest.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
        throw Object.assign(new Error('full'), { name: 'QuotaExceededError' });
      });
      await expect((await write('third')).finish()).rejects.toMatchObject({
        ...{ name: 'CheckpointError', code: 'io' },
        message: expect.stringContaining("no space left in this site's storage") as string,
      });
      put.mockImplementation(() => {
        throw new Error('broken');
      });
      await expect((await write('third')).finish()).rejects.toMatchObject({
        ...{ code: 'io', message: 'indexeddb://model cannot be used: broken' },
      });
      put.mockRestore();
      expect(await textOf()).toBe('second');
      await removeFromDatabase('model');
      expect(await textOf()).toBeUndefined();
      await removeFromDatabase('model');
    } finally {
      Reflect.deleteProperty(globalThis, 'indexedDB');
    }
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
    await expect(renameDurably(failing('EIO'), at('a'), at('b'))).rejects.toMatchObject({
      message: 'it is written, but may not survive a loss of power: Error: no EIO',
      cause: { code: 'EIO' },
    });
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
    // The next writer takes them away, as wholes.
    await fs.rename(at('old'), at('late.0123456789ab.partial'));
    await (await fileSink(at('late'))).abort();
    expect((await fs.readdir(folder)).filter((name) => name.includes('partial'))).toEqual([]);
  });
});
