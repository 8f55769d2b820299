import 'fake-indexeddb/auto';

import { CHUNKS, FILES, openDatabase, resultOf } from '../../src/download/browser_database';
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
