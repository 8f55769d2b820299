import 'fake-indexeddb/auto';

import { resultOf } from '../../src/common/indexed_db';
import { change, CHUNKS, FILES, openDatabase } from '../../src/download/browser_database';
import { openBrowserStore } from '../../src/download/browser_store';
import {
  type Downloadable,
  fetchInto,
  type FetchPretrainedOptions,
} from '../../src/download/fetch_pretrained';
import { FileServer, randomBytes } from './file_server';

const LENGTH = 20 * 2 ** 20;

let server: FileServer;
let fileName: string;
let count = 0;

beforeEach(async () => {
  server = new FileServer(randomBytes(LENGTH, 1));
  // Enough that the page has read what it was sent.
  server.cutDelayMs = 150;
  await server.listen();
  fileName = `weights-${count++}.pth`;
});

afterEach(() => server.close());

function record(facts: { bytes?: number; sha256?: string } = {}): Downloadable {
  return { fileName, sources: [{ url: `${server.base}/${fileName}`, ...facts }] };
}

async function download(
  what: Downloadable = record(),
  options: FetchPretrainedOptions = {},
): Promise<Buffer> {
  // A new store each time, as after reloading the page.
  const blob = await fetchInto(openBrowserStore(), what, {
    retryDelayMs: 1,
    retries: 2,
    ...options,
  });
  return Buffer.from(await blob.arrayBuffer());
}

/** Everything that a store of the database holds for the file, under whatever key. */
async function rowsOf(store: string): Promise<unknown[]> {
  const rows = (await openDatabase(indexedDB)).transaction(store).objectStore(store);
  const [keys, values] = await Promise.all([resultOf(rows.getAllKeys()), resultOf(rows.getAll())]);
  return values.filter((_, i) => JSON.stringify(keys[i]).includes(fileName)) as unknown[];
}

const ranges = () => server.requests.map((request) => request.split(' ')[2]);

test('downloads once, verified, as a Blob of several records', async () => {
  const what = record({ bytes: LENGTH, sha256: server.sha256 });
  expect((await download(what)).equals(server.content)).toBe(true);
  expect((await download(what)).equals(server.content)).toBe(true);
  expect(server.requests).toHaveLength(1);
});

test('continues within a call and after a reload, without If-Range', async () => {
  server.faults = [{ cutAfter: 10_000_000 }, { cutAfter: 3 }, { status: 500 }];
  await expect(download(record(), { retries: 1 })).rejects.toMatchObject({ code: 'network' });
  expect(await openBrowserStore().find(fileName)).toBeUndefined();
  server.faults = [];
  expect((await download()).equals(server.content)).toBe(true);
  expect(ranges()).toEqual(['-', 'bytes=10000000-', 'bytes=10000003-', 'bytes=10000003-']);
  expect(server.requests.every((request) => request.endsWith(' -'))).toBe(true);
});

test('a file that changed meanwhile is begun anew', async () => {
  const change = () => {
    server.etag = '"v2"';
    server.content = randomBytes(LENGTH - 5, 2);
  };
  server.faults = [{ cutAfter: 15_000_000 }, { before: change }];
  expect((await download()).equals(server.content)).toBe(true);
  expect(ranges()).toEqual(['-', 'bytes=15000000-', '-']);
});

test('a wrong checksum leaves nothing behind', async () => {
  const what = record({ sha256: '1'.repeat(64) });
  await expect(download(what)).rejects.toMatchObject({ code: 'checksum' });
  expect(await openBrowserStore().find(fileName)).toBeUndefined();
  expect(await rowsOf(FILES)).toEqual([]);
  expect(await rowsOf(CHUNKS)).toEqual([]);
});

test('remove forgets the file', async () => {
  await download();
  await openBrowserStore().withLock(fileName, new AbortController().signal, (session) =>
    session.remove(),
  );
  expect(await openBrowserStore().find(fileName)).toBeUndefined();
  await download();
  expect(server.requests).toHaveLength(2);
});

describe('what is in the database already', () => {
  /** A row as 0.1.0 wrote it. */
  async function oldRow(bytes: Buffer, complete: boolean, total = LENGTH): Promise<void> {
    const url = `${server.base}/${fileName}`;
    const state = { url, validator: '"v1"', total };
    const row = { fileName, state, chunks: 1, received: bytes.length, complete };
    await change(await openDatabase(indexedDB), fileName, async (files, chunks) => {
      files.put(row);
      chunks.put(new Blob([Uint8Array.from(bytes)]), [fileName, 0]);
    });
  }

  test('files of 0.1.0 are used when right, by checksum, length or address', async () => {
    await oldRow(server.content, true);
    const offline: typeof fetch = () => Promise.reject(new Error('no network'));
    for (const facts of [{}, { bytes: LENGTH }, { sha256: server.sha256 }]) {
      const got = await download(record(facts), { fetch: offline });
      expect(got.equals(server.content)).toBe(true);
    }
    // The checksum is noted, and the address with its secrets is not needed any more.
    expect(await rowsOf(FILES)).toMatchObject([{ note: { sha256: server.sha256 } }]);
  });

  test('an unfinished file of 0.1.0 is continued', async () => {
    await oldRow(server.content.subarray(0, 1000), false);
    expect((await download()).equals(server.content)).toBe(true);
    expect(ranges()).toEqual(['bytes=1000-']);
    expect(await rowsOf(FILES)).toHaveLength(1);
  });

  test.each<[string, () => object]>([
    ['length', () => ({ bytes: LENGTH })],
    ['checksum', () => ({ sha256: server.sha256 })],
  ])('a file of another %s is replaced, once the right one is whole', async (_, facts) => {
    await oldRow(randomBytes(500, 3), true);
    const failing = download(record(facts()), { fetch: () => Promise.reject(new Error('off')) });
    await expect(failing).rejects.toMatchObject({ code: 'network' });
    expect(await rowsOf(FILES)).toMatchObject([{ received: 500, complete: true }]);
    expect((await download(record(facts()))).equals(server.content)).toBe(true);
    expect(await rowsOf(FILES)).toMatchObject([{ received: LENGTH, complete: true }]);
    expect((await rowsOf(CHUNKS)).length).toBe(3);
  });

  test('a file of another address is replaced', async () => {
    await download();
    const other = { fileName, sources: [{ url: `${server.base}/other?token=hush` }] };
    server.content = randomBytes(100, 4);
    expect((await download(other)).equals(server.content)).toBe(true);
    expect(JSON.stringify(await rowsOf(FILES))).not.toContain('hush');
  });

  test('two pages without locks do not mix their bytes', async () => {
    const [a, b] = [openBrowserStore(), openBrowserStore()];
    const { signal } = new AbortController();
    const state = { url: 'http://x', total: 4 };
    const note = { source: 'x', bytes: 4 };
    await a.withLock(fileName, signal, async (first) => {
      const part = await first.openPart();
      await part.restart(state);
      await part.append(Uint8Array.of(1, 2));
      await b.withLock(fileName, signal, async (second) => {
        const taken = await second.openPart();
        await taken.append(Uint8Array.of(5, 6, 7, 8));
        await taken.commit(note);
      });
      await part.append(Uint8Array.of(3, 4));
      await expect(part.commit(note)).rejects.toMatchObject({ code: 'storage' });
      await expect(part.discard()).rejects.toMatchObject({ code: 'storage' });
    });
    const found = await a.find(fileName);
    expect(new Uint8Array((await found?.whole.arrayBuffer()) ?? [])).toEqual(
      Uint8Array.of(5, 6, 7, 8),
    );
  });

  test('fails at the n-th transaction, for every n: as before or whole, the next one right', async () => {
    server.content = randomBytes(1000, 6);
    const original = IDBDatabase.prototype.transaction;
    let failures = 0;
    for (let n = 1; ; n++) {
      fileName = `weights-${count++}.pth`;
      const old = n % 2 === 0 ? randomBytes(500, 3) : undefined;
      if (old) await oldRow(old, true);
      let calls = 0;
      IDBDatabase.prototype.transaction = function (...args) {
        if (++calls === n) throw new DOMException('disk full', 'QuotaExceededError');
        return original.apply(this, args);
      };
      const what = record({ bytes: 1000, sha256: server.sha256 });
      const got = await download(what, { retries: 0 }).catch((error: unknown) => error);
      IDBDatabase.prototype.transaction = original;
      if (calls >= n && got instanceof Error) {
        failures++;
        expect(got).toMatchObject({ code: 'storage' });
        const left = await openBrowserStore().find(fileName);
        const bytes = left && Buffer.from(await left.whole.arrayBuffer());
        if (!bytes?.equals(server.content)) expect(bytes).toEqual(old);
      }
      expect((await download(what)).equals(server.content)).toBe(true);
      expect(await rowsOf(FILES)).toHaveLength(1);
      expect(await rowsOf(CHUNKS)).toHaveLength(1);
      if (calls < n) break;
    }
    expect(failures).toBeGreaterThan(6);
  });
});

describe('storage of the site', () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  afterEach(() => {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  });

  test('too little is said before the download, a lock is asked for', async () => {
    const locked: string[] = [];
    const navigator = {
      storage: { estimate: async () => ({ quota: LENGTH, usage: 1 }) },
      locks: {
        request: (name: string, _: unknown, body: () => unknown) => {
          locked.push(name);
          return body();
        },
      },
    };
    Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
    const failed = expect(download()).rejects;
    await failed.toMatchObject({ code: 'storage' });
    expect(locked).toEqual([`tfjs-revcol/${fileName}`]);
    navigator.storage.estimate = async () => ({ quota: LENGTH + 1, usage: 1 });
    expect(await download()).toHaveLength(LENGTH);
  });
});
